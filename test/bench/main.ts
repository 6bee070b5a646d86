// `npm run bench -- NAME`: measurements beside the field's own tools. Not part of the product.
import { type Command, helpOf, readInvocation, UsageError } from '../../cli/command.ts';

const benches: Readonly<Record<string, { summary: string; load(): Promise<{ command: Command }> }>> = {
  h1: { summary: 'One worker on HTTP/1.1 beside HAProxy, nginx and Envoy', load: () => import('./h1.ts') },
  download: { summary: '1 MB replies through one worker beside the same peers', load: () => import('./download.ts') },
  tls: { summary: 'One worker on HTTP/1.1 over TLS beside the same peers', load: () => import('./tls.ts') },
  h2: { summary: 'One worker on HTTP/2 beside HAProxy, nghttpx, Envoy and Node', load: () => import('./h2.ts') },
  grpc: { summary: 'Unary calls of gRPC through one worker beside the same peers', load: () => import('./grpc.ts') },
  pair: { summary: 'HTTP/1.1 over HTTP/2 between two proxies, beside pairs of peers', load: () => import('./pair.ts') },
  'full-h1': {
    summary: 'What all policies at once cost over HTTP/1.1',
    load: async () => ({ command: (await import('./full.ts')).http1 }),
  },
  'full-h2': {
    summary: 'What all policies at once cost over HTTP/2',
    load: async () => ({ command: (await import('./full.ts')).http2 }),
  },
  open: { summary: 'Latency that each proxy adds at a fixed rate', load: () => import('./open.ts') },
  workers: {
    summary: 'CPU time a request of several workers beside one, and their shares',
    load: () => import('./workers.ts'),
  },
  stages: { summary: 'Each step of a request beside a plain version of it', load: () => import('./stages/stages.ts') },
  balance: {
    summary: 'A simulated fleet with bad instances under each balancer',
    load: () => import('./balance/balance.ts'),
  },
  all: {
    summary: 'Every bench that judges speed, and all marks in one list',
    load: () => import('./all.ts'),
  },
  registry: {
    summary: 'Registration, discovery, health check, balancing decision, local call',
    load: () => import('./registry/registry.ts'),
  },
  push: { summary: 'Changes of the mesh to thousands of simulated sidecars', load: () => import('./push.ts') },
  rss: { summary: 'Memory of a sidecar with the shop’s configuration', load: () => import('./rss.ts') },
};

const program = 'npm run bench --';

const help = [
  'Measures Meshlane beside the real peers, which are found or installed first (see: npm run peers).',
  '',
  `Usage: ${program} NAME [flags]`,
  '',
  ...Object.entries(benches).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`),
  '',
  `${program} NAME --help shows the flags of one.`,
  '',
].join('\n');

/** The command line's own help and messages speak of `meshlane NAME`; here the program is another. */
function asBench(text: string): string {
  return text.replaceAll(new RegExp(`\\bmeshlane (?=(?:${Object.keys(benches).join('|')})\\b)`, 'g'), `${program} `);
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help);
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (!entry) {
    process.stderr.write(`bench: there is no "${name}". See: ${program} --help\n`);
    return 2;
  }
  const { command } = await entry.load();
  try {
    const invocation = readInvocation(command, rest, {});
    if (invocation === 'help') {
      process.stdout.write(asBench(helpOf(command)));
      return 0;
    }
    return await command.run(invocation);
  } catch (error) {
    process.stderr.write(`bench ${name}: ${asBench((error as Error).message)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));

import { type Command, helpOf, readInvocation, UsageError } from './command.ts';

const commands: Readonly<Record<string, { summary: string; load(): Promise<{ command: Command }> }>> = {
  dev: { summary: 'The whole mesh with its demo shop on this machine', load: () => import('./commands/dev.ts') },
  proxy: { summary: 'A sidecar proxy, from a file or a control plane', load: () => import('./commands/proxy.ts') },
  'control-plane': {
    summary: 'The control API and the push stream',
    load: () => import('./commands/control-plane.ts'),
  },
  store: { summary: 'Copy what a store holds into another', load: () => import('./commands/store.ts') },
  collector: { summary: 'Takes spans, shows traces, forwards them', load: () => import('./commands/collector.ts') },
  apply: { summary: 'Create or change resources from a file', load: () => import('./commands/apply.ts') },
  get: { summary: 'Show resources', load: () => import('./commands/get.ts') },
  explain: { summary: 'Say which rule a request would take, and why', load: () => import('./commands/explain.ts') },
  history: { summary: 'Show who changed the configuration when', load: () => import('./commands/history.ts') },
  diff: { summary: 'Compare the configuration of two revisions', load: () => import('./commands/diff.ts') },
  rollback: { summary: 'Go back to the configuration of a revision', load: () => import('./commands/rollback.ts') },
  access: { summary: 'Hash a token, or check an access file', load: () => import('./commands/access.ts') },
  holds: { summary: 'Show what is kept for safety, and decide about it', load: () => import('./commands/holds.ts') },
  status: { summary: 'Show sidecars, instances and the last rollout', load: () => import('./commands/status.ts') },
};

const help = [
  'Meshlane, a service mesh in TypeScript.',
  '',
  'Usage: meshlane COMMAND [flags]',
  '',
  ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(15)} ${summary}`),
  '',
  'meshlane COMMAND --help shows the flags of a command.',
  '',
].join('\n');

/** Runs one command line and tells the exit code: 0 done, 1 failed, 2 not understood. */
export async function main(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help);
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!entry) {
    process.stderr.write(`meshlane: there is no command "${name}". See: meshlane --help\n`);
    return 2;
  }
  const { command } = await entry.load();
  try {
    const invocation = readInvocation(command, rest, environment);
    if (invocation === 'help') {
      process.stdout.write(helpOf(command));
      return 0;
    }
    return await command.run(invocation);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`meshlane ${name}: ${error.message}\n`);
      return 2;
    }
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: '' };
    process.stderr.write(`meshlane ${name}: ${message}\n${environment['MESHLANE_DEBUG'] ? `${stack}\n` : ''}`);
    return 1;
  }
}

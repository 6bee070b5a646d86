import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { peer, skipWithout } from '../harness/peers.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'cli/main.mjs');
const planes = ['--api', '--push', '--otlp-grpc', '--otlp-http', '--traces'];
const anywhere = [...planes.flatMap((flag) => [flag, '127.0.0.1:0']), '--base-port', '0'];

/** STATE/dev.json */
type Description = {
  api: string;
  traces: string;
  workloads: { name: string; app: number; admin: number }[];
  processes: { name: string; pid: number }[];
};
type Demo = { dev: RunningProcess; description: Description; screen: string; commands: string[] };

async function startDemo(t: Owner, ...args: string[]): Promise<Demo> {
  const state = tempFolder(t);
  const dev = await startProcess({
    command: process.execPath,
    args: [main, 'dev', ...anywhere, '--state', state, '--for', '90s', ...args],
    cwd: root,
    ready: /^ready: /,
    timeoutMs: 60_000,
    t,
  });
  const screen = dev.output();
  const commands = screen
    .split('\n')
    .filter((line) => line.startsWith('   '))
    .map((line) => line.trim());
  return { dev, description: JSON.parse(readFileSync(join(state, 'dev.json'), 'utf8')), screen, commands };
}

/** Runs a line of the screen as a user would, from the checkout. */
async function type(line: string): Promise<string> {
  const curl = (await peer('curl')) ?? 'curl';
  const path = [dirname(process.execPath), dirname(curl), process.env['PATH']].join(':');
  const { code, stdout, stderr } = await runCommand('sh', ['-c', line], { cwd: root, env: { PATH: path } });
  if (code !== 0) throw new Error(`"${line}" gave exit code ${code}: ${stderr}${stdout}`);
  return stdout;
}

type Order = { status: string; productVersion: string; error?: string };
const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Order;

/** A process that has ended may stay in the table until somebody asks for its exit code. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const runningOf = ({ processes }: Description) => processes.filter(({ pid }) => isRunning(pid)).map(({ name }) => name);

t.test('the demo shows what its screen promises', await skipWithout('curl'), async (t) => {
  const { dev, description, screen, commands } = await startDemo(t);
  const [split, breakInventory, watchInventory, order] = commands as [string, string, string, string];
  const place = async () => bodyOf(await type(order));
  const portOf = (name: string) => description.workloads.find((one) => one.name === name)!.app;
  const versions = async (count: number) => {
    const seen: Record<string, number> = { v1: 0, v2: 0 };
    for (let i = 0; i < count; i++) seen[(await place()).productVersion]!++;
    return seen;
  };

  await t.test('the screen fits 24 rows and 100 columns and says who answered the first order', async (t) => {
    const lines = screen.split('\n');
    t.match(lines[0], /^ready: first order answered in \d+ ms through 5 sidecars; 15 processes up in /);
    t.ok(lines.length <= 24, `${lines.length} rows`);
    t.strictSame(
      lines.filter((line) => line.length > 100),
      [],
    );
    t.equal(commands.length, 4);
    t.equal(new Set(description.processes.map(({ pid }) => pid)).size, 15);
  });

  await t.test('a trace of one order has the spans of every hop below the right parents', async (t) => {
    const traceId = /^x-trace-id: ([0-9a-f]{32})\r?$/im.exec(await type(order))?.[1];
    t.ok(traceId, 'the reply names its trace');
    type Span = { spanId: string; parentSpanId: string; kind: string; service: string; name: string; error: boolean };
    const spans = await until(
      async () => {
        const response = await fetch(`http://${description.traces}/api/traces/${traceId}`);
        const trace = (await response.json()) as { spans?: Span[] };
        return trace.spans && trace.spans.length >= 10 ? trace.spans : null;
      },
      { what: 'the trace with 10 spans' },
    );
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const sayOf = (span: Span | undefined) => (span ? `${span.service} ${span.kind} ${span.name}` : 'none');
    const hops = spans.map((span) => `${sayOf(byId.get(span.parentSpanId))} > ${sayOf(span)}`);
    t.strictSame(hops.sort(), [
      'none > user client POST order',
      'order client GET product > product server GET product',
      'order client GET user > user server GET user',
      'order client POST payment > payment server POST payment',
      'order client PUT inventory > inventory server PUT inventory',
      'order server POST order > order client GET product',
      'order server POST order > order client GET user',
      'order server POST order > order client POST payment',
      'order server POST order > order client PUT inventory',
      'user client POST order > order server POST order',
    ]);
    t.notOk(spans.some((span) => span.error));
  });

  await t.test('half of the traffic goes to v2 once the rollout is applied 6/6', async (t) => {
    t.strictSame(await versions(10), { v1: 10, v2: 0 });
    t.match(await type(split), /^applied 6\/6/m);
    const { v1, v2 } = await versions(30);
    t.ok(v1! >= 8 && v2! >= 8, `v1 ${v1}, v2 ${v2}`);
  });

  await t.test('a broken inventory is tried again, cut off, answered for, and taken back', async (t) => {
    await type(breakInventory);
    const isBackOrdered = async () => (await place()).status === 'back-ordered';
    await until(isBackOrdered, { what: 'an order that the fallback answered' });
    const metrics = await type(watchInventory);
    t.match(metrics, /^meshlane_retries_total\{[^}]*service="inventory"[^}]*\} [1-9]/m);
    t.match(metrics, /^meshlane_breaker_transitions_total\{[^}]*to="open"[^}]*\} [1-9]/m);
    t.match(metrics, /^meshlane_breaker_state\{[^}]*\} [12]$/m);

    await type(breakInventory.replace('errors', 'off'));
    const placed = async () => (await place()).status === 'placed';
    await until(placed, { timeoutMs: 40_000, everyMs: 200, what: 'an order that inventory answered itself' });
    t.match(await type(watchInventory), /^meshlane_breaker_state\{[^}]*\} 0$/m);
  });

  await t.test('a payment that is declined gives the stock back', async (t) => {
    const stock = `curl -s http://127.0.0.1:${portOf('inventory')}/stock`;
    const left = async () => JSON.parse(await type(stock)) as { coffee: number };
    const before = (await left()).coffee;
    const tooDear = order.replace('"tea"', '"coffee","quantity":500');
    const answer = await type(tooDear);
    t.match(answer, /^HTTP\/1\.1 402 /);
    t.match(bodyOf(answer).error, /^payment: ada's card takes no more than/);
    const after = (await left()).coffee;
    t.ok(before - after < 400, `${before} before, ${after} after; the load buys a few`);
  });

  await t.test('a process that somebody ends is reported and the rest serves on', async (t) => {
    const { pid } = description.processes.find(({ name }) => name === 'product-v2 sidecar')!;
    process.kill(pid, 'SIGKILL');
    await until(() => dev.output().includes(`product-v2 sidecar (pid ${pid}) ended: SIGKILL`));
    await until(async () => (await place()).status === 'placed');
    t.equal(runningOf(description).length, 14);
  });

  await t.test('SIGINT ends every process it started, and the exit code tells that one was lost', async (t) => {
    t.strictSame(await dev.stop('SIGINT'), { code: 1, signal: null });
    t.strictSame(runningOf(description), []);
  });
});

t.test('an order whose step was done but never answered leaves neither stock nor money behind', async (t) => {
  const start = (t: Owner, name: string, ...args: string[]) =>
    startProcess({
      command: process.execPath,
      args: [join(root, 'examples/shop', `${name}.ts`), '--port', '0', ...args],
      ready: /^ready: /,
      t,
    });
  const portOf = (app: RunningProcess) => Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(app.output())![1]);
  const ports = new Map<string | undefined, number>();
  for (const name of ['user', 'product', 'inventory', 'payment']) ports.set(name, portOf(await start(t, name)));
  // In the place of the mesh: hands every call to its service, and loses the answer to one.
  let lost = '';
  const calls: string[] = [];
  const relay = createHttpServer((incoming, response) => {
    const { host, ...headers } = incoming.headers;
    const what = `${incoming.method} ${host}`;
    calls.push(`${what} ${incoming.url}`);
    const port = ports.get(host);
    const onward = request(
      { host: '127.0.0.1', port, method: incoming.method, path: incoming.url, headers },
      (reply) => {
        if (what === lost) return response.destroy();
        response.writeHead(reply.statusCode!, reply.headers);
        reply.pipe(response);
      },
    );
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close().closeAllConnections());
  const order = portOf(await start(t, 'order', '--mesh', `127.0.0.1:${(relay.address() as AddressInfo).port}`));
  const place = async () => {
    calls.length = 0;
    const body = JSON.stringify({ user: 'ada', product: 'tea', quantity: 2 });
    const response = await fetch(`http://127.0.0.1:${order}/orders`, { method: 'POST', body });
    await response.text();
    return response.status;
  };
  const show = async (name: string, path: string) =>
    (await (await fetch(`http://127.0.0.1:${ports.get(name)}${path}`)).json()) as Record<string, unknown>;
  const chargePath = () => `/charges/${/ \/reservations\/(\S+)/.exec(calls.join('\n'))![1]}`;

  const { tea } = (await show('inventory', '/stock')) as { tea: number };
  lost = 'PUT inventory';
  t.equal(await place(), 503);
  t.equal((await show('inventory', '/stock'))['tea'], tea, 'the reservation is released');
  lost = 'POST payment';
  t.equal(await place(), 503);
  t.equal((await show('inventory', '/stock'))['tea'], tea, 'the reservation is released');
  t.match(await show('payment', chargePath()), { charge: String, amountCents: 900, refunded: true });
  lost = '';
  t.equal(await place(), 201);
  t.equal((await show('inventory', '/stock'))['tea'], tea - 2);
  t.match(await show('payment', chargePath()), { charge: String, amountCents: 900, refunded: false });
});

t.test('no process outlives a demo that is killed', async (t) => {
  const { dev, description } = await startDemo(t, '--no-load');
  t.equal(runningOf(description).length, 14);
  await dev.kill9();
  await until(() => runningOf(description).length === 0, { what: 'the end of all its processes' });
});

t.test('a taken port is told in one line, with the flag that moves it, before anything starts', async (t) => {
  const temporary = tempFolder(t);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const cases = [
    { args: [...anywhere, '--push', `127.0.0.1:${port}`], flag: '--push' },
    { args: [...anywhere, '--base-port', String(port - 2)], flag: '--base-port' },
  ];
  for (const { args, flag } of cases) {
    const command = [main, 'dev', ...args, '--for', '1s'];
    const { code, stdout, stderr } = await runCommand(process.execPath, command, { env: { TMPDIR: temporary } });
    t.equal(code, 1);
    t.equal(stdout, '');
    t.match(stderr, new RegExp(`^meshlane dev: port \\d+ on 127\\.0\\.0\\.1 is taken; [^\\n]* ${flag}\\n$`));
  }
  t.strictSame(readdirSync(temporary), [], 'no state was begun');
});

t.test('one port cannot be wanted twice', async (t) => {
  const args = ['--api', ':15101', '--for', '1s'];
  const { code, stderr } = await runCommand(process.execPath, [main, 'dev', ...args]);
  t.equal(code, 2);
  t.equal(stderr, 'meshlane dev: 127.0.0.1:15101 is wanted twice, by --api and --base-port; change one of them\n');
});

t.test('without the demo it runs the two planes alone, stops by itself and leaves nothing behind', async (t) => {
  const temporary = tempFolder(t);
  const args = [main, 'dev', ...anywhere, '--no-demo', '--for', '200ms'];
  const { code, stdout, stderr } = await runCommand(process.execPath, args, { env: { TMPDIR: temporary } });
  t.equal(code, 0, stderr);
  t.match(stdout, /^ready: 2 processes up/);
  t.match(stdout, temporary, 'the screen says where its state is');
  t.strictSame(readdirSync(temporary), []);
});

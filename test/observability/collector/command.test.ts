import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { startProcess } from '../../harness/process.ts';
import { runCommand } from '../../harness/run-command.ts';

const main = fileURLToPath(new URL('../../../cli/main.mjs', import.meta.url));
const anywhere = ['--otlp-grpc', ':0', '--otlp-http', ':0', '--http', ':0'];
const ready = /^ready: otlp-grpc 127\.0\.0\.1:(\d+) otlp-http 127\.0\.0\.1:(\d+) traces (http:\/\/127\.0\.0\.1:\d+)$/m;

const start = (t: Owner, ...args: string[]) =>
  startProcess({ command: process.execPath, args: [main, 'collector', ...args], ready, t });

t.test('prints one ready line, serves, and ends cleanly on SIGTERM and SIGINT', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const collector = await start(t, ...anywhere);
    const [, , , url] = ready.exec(collector.output())!;
    t.equal((await fetch(`${url}/readyz`)).status, 200);
    t.same(await collector.stop(signal), { code: 0, signal: null }, signal);
    t.match(collector.output(), /^ready: [^\n]*\n$/, 'and says nothing else');
  }
});

const halfSent = {
  'the head': 'GET /api/services HTTP/1.1\r\nhost: x\r\n',
  'the body': 'PUT /api/services HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
};

/** Leaves a request half-sent, and resolves when the collector has it. */
async function sendHalf(t: Owner, url: string, text: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined); // it is cut, as it should be
  await once(socket, 'connect');
  socket.write(text);
  await (await fetch(`${url}/healthz`)).text(); // came in after it
}

for (const [part, text] of Object.entries(halfSent))
  t.test(`a request of which only ${part} was begun holds its end up for 2 s, or till a second signal`, async (t) => {
    for (const signals of [1, 2]) {
      const collector = await start(t, ...anywhere);
      const [, , , url] = ready.exec(collector.output())!;
      await sendHalf(t, url!, text);
      const beganMs = performance.now();
      const ended = collector.stop();
      // A second signal that comes at once would count as the first, sent twice.
      const timer = signals === 2 ? setInterval(() => process.kill(collector.pid, 'SIGTERM'), 300) : undefined;
      const exit = await ended;
      clearInterval(timer);
      t.same(exit, { code: 0, signal: null });
      const tookMs = performance.now() - beganMs;
      t.ok(tookMs < (signals === 2 ? 1_500 : 4_000), `${signals} signals: ${tookMs} ms`);
    }
  });

t.test('says in one line which port is taken and which flag moves it', async (t) => {
  const port = await freePort();
  for (const flag of ['--otlp-grpc', '--otlp-http', '--http']) {
    const args = anywhere.with(anywhere.indexOf(flag) + 1, `:${port}`);
    const first = await start(t, ...args);
    const second = await runCommand(process.execPath, [main, 'collector', ...args]);
    t.equal(second.code, 1);
    t.equal(second.stdout, '');
    t.match(
      second.stderr,
      new RegExp(`^meshlane collector: port ${port} on 127\\.0\\.0\\.1 is taken; [^\\n]* ${flag}\\n$`),
    );
    await first.stop();
  }
});

t.test('does not start on flags it cannot read', async (t) => {
  for (const args of [
    ['--http', 'nonsense'],
    ['--max-traces', '0'],
    ['--max-memory-mb', 'much'],
    ['--odd'],
    ['--export', 'nowhere'],
  ]) {
    const { code, stderr } = await runCommand(process.execPath, [main, 'collector', ...anywhere, ...args]);
    t.not(code, 0, args.join(' '));
    t.match(stderr, /^meshlane collector: [^\n]+\n$/, args.join(' '));
    t.match(stderr, args[0]!);
  }
});

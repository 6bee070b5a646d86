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

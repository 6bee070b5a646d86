import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { exclusively } from './exclusive.ts';
import { freePort } from './free-port.ts';
import { startProcess } from './process.ts';
import { runCommand } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';
import { until } from './until.ts';

const node = process.execPath;

/** The dead whose parent has not collected them yet still have an entry. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

t.test('a process is ready when it says so, and ends with its test', async (t) => {
  let pid = 0;
  await t.test('while it runs', async (t) => {
    const script = 'console.error("starting"); console.log("ready: 1"); setInterval(() => {}, 1000)';
    const running = await startProcess({ t, command: node, args: ['-e', script], ready: /^ready:/ });
    ({ pid } = running);
    t.equal(isAlive(pid), true);
    t.match(running.output(), 'starting');
  });
  t.equal(isAlive(pid), false);
});

t.test('kill9 and stop tell how it ended', async (t) => {
  const args = ['-e', 'process.on("SIGTERM", () => process.exit(7)); console.log("up"); setInterval(() => {}, 1000)'];
  const stopped = await startProcess({ t, command: node, args, ready: (line) => line === 'up' });
  t.strictSame(await stopped.stop(), { code: 7, signal: null });
  const killed = await startProcess({ t, command: node, args, ready: /up/ });
  t.strictSame(await killed.kill9(), { code: null, signal: 'SIGKILL' });
  t.strictSame(await killed.exited, { code: null, signal: 'SIGKILL' });
});

t.test('an early end, a late one and a missing program are told with their last words', async (t) => {
  const early = startProcess({
    t,
    command: node,
    args: ['-e', 'console.error("no luck"); process.exit(3)'],
    ready: /up/,
  });
  await t.rejects(early, { message: /exit code 3.*before it was ready[\s\S]*no luck/ });
  const late = startProcess({
    t,
    command: node,
    args: ['-e', 'setInterval(() => {}, 1000)'],
    ready: /up/,
    timeoutMs: 300,
  });
  await t.rejects(late, { message: /not ready within 300 ms.*wrote nothing/ });
  await t.rejects(startProcess({ t, command: '/does/not/exist' }), { message: /did not start: .*ENOENT/ });
});

t.test('a process without an owner ends with the process that started it', async (t) => {
  const started = new URL('./process.ts', import.meta.url).href;
  const script = `
    const { startProcess } = await import('${started}');
    const child = await startProcess({ command: process.execPath, args: ['-e', 'console.log("up"); setInterval(() => {}, 1000)'], ready: /up/ });
    console.log(child.pid);
    if (process.argv[1] === 'hang') setInterval(() => {}, 1000);`;
  const natural = await runCommand(node, ['--input-type=module', '-e', script]);
  t.equal(natural.code, 0, natural.stderr);
  await until(() => !isAlive(Number(natural.stdout)), { what: 'the end of the child' });
  const hanging = await startProcess({
    t,
    command: node,
    args: ['--input-type=module', '-e', script, 'hang'],
    ready: /^\d+$/,
  });
  const child = Number(hanging.output());
  t.equal(isAlive(child), true);
  t.strictSame(await hanging.stop('SIGINT'), { code: null, signal: 'SIGINT' });
  await until(() => !isAlive(child), { what: 'the end of the child' });
});

t.test('until gives the first truthy value, or fails with the last error', async (t) => {
  let calls = 0;
  t.equal(await until(() => (++calls < 3 ? 0 : calls), { everyMs: 1 }), 3);
  const failing = until(() => Promise.reject(new Error('refused')), { timeoutMs: 30, everyMs: 5, what: 'an answer' });
  await t.rejects(failing, { message: 'an answer did not come within 30 ms; the last try failed: refused' });
});

t.test('free ports differ and are free', async (t) => {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  t.equal(new Set(ports).size, 3);
});

t.test('a temporary folder is readable by all and goes with its owner', async (t) => {
  let folder = '';
  await t.test('while it lives', async (t) => {
    folder = tempFolder(t);
    writeFileSync(join(folder, 'file'), 'text');
    t.equal(statSync(folder).mode & 0o777, 0o755);
  });
  t.equal(existsSync(folder), false);
});

t.test('one process at a time holds a lock, and a killed one holds it no longer', async (t) => {
  const file = join(tempFolder(t), 'lock.db');
  const script = `
    const { exclusively } = await import('${new URL('./exclusive.ts', import.meta.url).href}');
    await exclusively(process.argv[1], () => {}, async () => { console.log('held'); await new Promise((r) => setTimeout(r, 60000)); });`;
  const holder = await startProcess({
    t,
    command: node,
    args: ['--input-type=module', '-e', script, file],
    ready: /held/,
  });
  const waitedFor: string[] = [];
  const order: string[] = [];
  const turn = exclusively(
    file,
    (who) => waitedFor.push(who),
    async () => order.push('mine'),
  );
  await until(() => waitedFor.length > 0, { what: 'the wait' });
  t.strictSame(waitedFor, [`process ${holder.pid}`]);
  t.strictSame(order, []);
  await holder.kill9();
  await turn;
  t.strictSame(order, ['mine']);
});

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { tempFolder } from '../temp-folder.ts';
import { until } from '../until.ts';
import { type FileReport, runTestFile } from './run-file.ts';
import { TapReader } from './tap-report.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const tap = import.meta.resolve('tap');

/** Runs a made-up test file, which finds tap although it stands elsewhere. */
function run(t: Parameters<typeof tempFolder>[0], source: string, timeoutMs = 20_000): Promise<FileReport> {
  const file = join(tempFolder(t), 'made-up.test.ts');
  writeFileSync(file, `import t from '${tap}';\n${source}`);
  return runTestFile(root, file, { timeoutMs, hardTimeoutMs: 2 * timeoutMs });
}

t.test('counts tests at every depth, and no test twice', async (t) => {
  const report = await run(
    t,
    `t.test('family', async (t) => {
       await t.test('one', async (t) => { t.ok(1); t.ok(1); });
       await t.test('two', async (t) => { t.equal(1, 2, 'numbers'); });
       await t.test('three', { skip: 'no tool' }, async () => {});
     });
     t.test('fails beside its tests', async (t) => { t.fail('alone'); await t.test('inner', async (t) => { t.ok(1); }); });
     t.test('throws', async () => { throw new Error('boom'); });
     t.ok(1, 'bare');`,
  );
  t.match(report, { passed: 3, failed: 3, trouble: null, skipped: [{ title: 'family > three', reason: 'no tool' }] });
  t.strictSame(
    report.failures.map(({ titles }) => titles.join(' > ')),
    ['family > two > numbers', 'fails beside its tests > alone', 'throws > boom'],
  );
});

t.test('a crash, an exit code, a hang and an empty file are failures', async (t) => {
  const crash = await run(t, `t.test('a', async (t) => { t.ok(1); process.kill(process.pid, 'SIGKILL'); });`);
  t.match(crash, { failed: 1, trouble: 'ended by SIGKILL' });
  t.match(await run(t, `t.test('a', async (t) => { t.ok(1); }); t.teardown(() => process.exit(4));`), {
    trouble: 'exit code 4',
  });
  t.match(await run(t, ''), { passed: 0, failed: 0, trouble: 'it has no tests' });
  t.match(await run(t, `t.test('spins', async () => { for (;;); });`, 500), { trouble: 'it was ended after 1 s' });
  t.match(await run(t, `t.test('waits', () => new Promise((r) => setTimeout(r, 9e5)));`, 3000), {
    passed: 0,
    failed: 1,
  });
});

t.test('what a file leaves running is named and ended', async (t) => {
  const report = await run(
    t,
    `import { spawn } from 'node:child_process';
     t.test('a', async (t) => {
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
       child.unref();
       console.error(child.pid);
     });`,
  );
  t.match(report, { failed: 0, trouble: /^it left running what it had started: .*setInterval/ });
  t.notMatch(report.trouble, `pid ${process.pid})`);
  const state = () => readFileSync(`/proc/${Number(report.stderr)}/stat`, 'utf8').split(') ')[1]![0];
  await until(() => !existsSync(`/proc/${Number(report.stderr)}`) || state() === 'Z', { what: 'its end' });
});

t.test('a TAP stream that stops in the middle fails', async (t) => {
  const reader = new TapReader();
  reader.write('TAP version 14\n1..3\nok 1 - a\n');
  const { passed, failed } = reader.end();
  t.strictSame({ passed, failed }, { passed: 1, failed: 1 });
});

import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../harness/run-command.ts';
import { judgePush, type PushMeasured } from './push/push-figures.ts';

const mainFile = join(import.meta.dirname, 'main.ts');
const bench = (...args: string[]) => runCommand(process.execPath, [mainFile, 'push', ...args]);

t.test('a short run measures a real control plane, and tells where the time goes', async (t) => {
  const run = ['--sidecars', '3,20', '--changes', '3', '--seconds', '1', '--no-pin', '--json', '-'];
  const { code, stdout, stderr } = await bench(...run);
  t.equal(code, 0, stderr.slice(-300));
  const { measured, sustained, marks } = JSON.parse(stdout);
  t.same(
    measured.map(({ sidecars, effectiveMs }: PushMeasured) => [sidecars, effectiveMs.length]),
    [
      [3, 3],
      [20, 3],
    ],
  );
  t.ok(sustained.changesPerSecond > 100);
  t.equal(marks.length, 6);
  t.match(stderr, /us a sidecar[\s\S]*endpoint changes\/s to 1 000[\s\S]*Where the time goes/);
});

t.test('sizes that cannot be are refused', async (t) => {
  for (const sizes of ['0', 'x', '10,', '20000'])
    t.match(await bench('--sidecars', sizes), { code: 2, stderr: /whole numbers from 1 to 10000; got/ });
});

t.test('what falls short is not judged when others had the CPU', async (t) => {
  const measured = (p99: number, foreignShare: number | null): PushMeasured => ({
    sidecars: 1_000,
    foreignShare,
    openedMs: 1,
    effectiveMs: [p99],
    knownMs: [p99 + 1],
    cpuMs: 1,
    kernelShare: 0.5,
    bytesPerSidecar: 1,
    reconnectedMs: 1,
  });
  const verdict = (one: PushMeasured) => judgePush([one], null)[0]?.isMet;
  t.equal(verdict(measured(30, 0)), true);
  t.equal(verdict(measured(31, 0)), false);
  t.equal(verdict(measured(31, null)), false);
  t.equal(verdict(measured(31, 0.5)), null);
  t.equal(verdict(measured(29, 0.5)), true);
});

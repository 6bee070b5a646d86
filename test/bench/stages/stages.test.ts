import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../../harness/run-command.ts';
import { formatStages } from './stage-figures.ts';
import { stageNames, stages } from './stage-list.ts';

for (const name of stageNames)
  t.test(`${name}: the fast version comes to what the plain one comes to`, async (t) => {
    const { stage } = await stages[name]!();
    t.equal(stage.name, name);
    const prepared = stage.prepare();
    prepared.check();
    t.ok(prepared.runFast(100) > 0);
    t.ok(prepared.runPlain(100) > 0);
    prepared.check();
  });

t.test('a stage is measured in a process of its own, with the bytes it allocates', async (t) => {
  const main = join(import.meta.dirname, '..', 'main.ts');
  const flags = ['--only', 'round-robin', '--rounds', '3', '--milliseconds', '5', '--no-pin', '--json', '-'];
  const { code, stdout, stderr } = await runCommand(process.execPath, [main, 'stages', ...flags]);
  t.equal(code, 0, stderr.slice(-200));
  const [report] = JSON.parse(stdout).stages;
  t.equal(report.fast.rounds.length, 3);
  t.ok(report.fast.nanoseconds > 0.1 && report.fast.nanoseconds < 10_000);
  t.ok(report.fast.bytes < 1, `nothing is allocated for a pick; ${report.fast.bytes} bytes were`);
  t.match(stderr, /round-robin +\d/);
});

t.test('a table of stages says how many times faster', async (t) => {
  const of = (nanoseconds: number) => ({
    nanoseconds,
    perSecond: 1e9 / nanoseconds,
    bytes: 0.01,
    rounds: [nanoseconds],
  });
  const table = formatStages([{ name: 'a', what: 'b', how: 'c', fast: of(100), plain: of(250) }]);
  t.match(table, /^a +100\.0 +10 000 000 +0 +250\.0 +4 000 000 +0 +2\.50x$/m);
});

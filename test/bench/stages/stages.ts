import { join } from 'node:path';
import type { Command, Invocation } from '../../../cli/command.ts';
import { runCommand } from '../../harness/run-command.ts';
import { barChart } from '../bar-chart.ts';
import { listFlag, numberFlag } from '../flags.ts';
import { describeRun, writeJson, writePicture } from '../json-output.ts';
import { onProxyCpu } from '../placement.ts';
import { showProgress } from '../progress.ts';
import { type Rig, withRig } from '../rig.ts';
import { explainStages, formatStages, type StageReport } from './stage-figures.ts';
import { stageNames } from './stage-list.ts';

export const command: Command = {
  name: 'stages',
  summary: 'The steps of a request one by one, each beside a plain version of it.',
  options: {
    rounds: { value: 'N', default: '9', text: 'Rounds of each version, in turn; figures are medians of them.' },
    milliseconds: { value: 'MS', default: '100', text: 'Length of a round.' },
    only: { value: 'NAME,...', text: `Some of ${stageNames.join(', ')}.` },
    'no-pin': { text: 'Leave placement to the scheduler.' },
    json: {
      value: 'FILE',
      text: 'Write every round and a picture beside it (.svg); - is stdout (the table goes to stderr).',
    },
  },
  details: [
    'Each stage runs in a process of its own. Before it is measured, both versions have to come to the same results.',
    'B/op is what an operation allocates, in V8’s heap and outside of it.',
  ].join('\n'),
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const rounds = numberFlag(invocation, 'rounds', { min: 1, max: 1000 });
  const milliseconds = numberFlag(invocation, 'milliseconds', { min: 1, max: 10_000 });
  const only = listFlag(invocation, 'only', stageNames);
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: !invocation.isSet('no-pin'), status: progress.note }, async (rig) => {
    const reports: StageReport[] = [];
    for (const name of only) {
      progress.status(name);
      reports.push(await runStage(rig, name, rounds, milliseconds));
    }
    progress.clear();
    const title = `Stages of a request, medians of ${rounds} × ${milliseconds} ms`;
    print([title, '', formatStages(reports), '', explainStages(reports)].join('\n'));
    if (jsonFile !== undefined) {
      writeJson(jsonFile, { bench: 'stages', ...(await describeRun()), rounds, milliseconds, stages: reports });
      const charts = reports.map(({ name, what, fast, plain }) => ({
        title: `${name}, ns: ${what}`,
        note: 'less is better',
        bars: [
          { name: 'meshlane', value: fast.nanoseconds },
          { name: 'plain', value: plain.nanoseconds },
        ],
      }));
      writePicture(jsonFile, barChart(title, charts));
    }
    return 0;
  });
}

const nodeFlags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];

/** Measures one stage in a process of its own. */
export async function runStage(rig: Rig, name: string, rounds: number, milliseconds: number): Promise<StageReport> {
  const main = join(import.meta.dirname, 'stage-main.ts');
  const args = [...nodeFlags, main, name, String(rounds), String(milliseconds)];
  const line = onProxyCpu(rig.place, process.execPath, args);
  const { code, stdout, stderr } = await runCommand(line.command, line.args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`stage ${name} failed: ${stderr || stdout}`);
  return JSON.parse(stdout) as StageReport;
}

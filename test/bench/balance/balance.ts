import type { Command, Invocation } from '../../../cli/command.ts';
import { barChart } from '../bar-chart.ts';
import { listFlag, numberFlag } from '../flags.ts';
import { describeRun, writeJson, writePicture } from '../json-output.ts';
import { formatMarks } from '../marks.ts';
import { showProgress } from '../progress.ts';
import { type BalanceMeasured, balanceCharts, formatBalance, judgeBalance } from './balance-figures.ts';
import { algorithms, runScenario } from './scenario.ts';

export const command: Command = {
  name: 'balance',
  summary: 'A simulated fleet with bad instances under each balancer: latency, errors, and who got the requests.',
  options: {
    seconds: { value: 'S', default: '60', text: 'Length of a run, in simulated time.' },
    rate: { value: 'N', default: '1000', text: 'Requests a second of all proxies together (Poisson).' },
    callers: { value: 'N', default: '4', text: 'Proxies, each of which sees only what it sends itself.' },
    seeds: { value: 'N', default: '5', text: 'Runs with other random numbers; figures are medians of them.' },
    only: { value: 'NAME,...', text: `Some of ${algorithms.join(', ')}.` },
    json: {
      value: 'FILE',
      text: 'Write every run and a picture beside it (.svg); - is stdout (the tables go to stderr).',
    },
    check: { text: 'Exit with 1 when a mark is not met.' },
  },
  details: [
    'Ten instances take 10 ms for a request (exponentially distributed), but for one that takes 100 ms, one that answers 503',
    'at once, and one that answers 429 above half of its even share. Balancers, breakers and outlier detection are the',
    'product’s own; time, network and instances are simulated. Nothing is tried again, so every error is counted.',
    'p50 and p99 are of the requests that were served.',
  ].join('\n'),
  run,
};

const setups = [
  { where: 'balancer alone', isProtected: false },
  { where: 'with outlier detection and breakers', isProtected: true },
] as const;

async function run(invocation: Invocation): Promise<number> {
  const settings = {
    seconds: numberFlag(invocation, 'seconds', { min: 1, max: 3600 }),
    perSecond: numberFlag(invocation, 'rate', { min: 10, max: 100_000 }),
    callers: numberFlag(invocation, 'callers', { min: 1, max: 1000 }),
  };
  const seeds = numberFlag(invocation, 'seeds', { min: 1, max: 100 });
  const only = listFlag(invocation, 'only', algorithms);
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  const results = setups.map(({ where, isProtected }) => {
    const measured: BalanceMeasured[] = only.map((algorithm) => {
      progress.status(`${algorithm}, ${where}`);
      const runs = Array.from({ length: seeds }, (_, seed) =>
        runScenario(algorithm, { ...settings, isProtected }, seed + 1),
      );
      return { algorithm, runs };
    });
    return { where, measured, marks: judgeBalance(measured, where) };
  });
  progress.clear();
  const marks = results.flatMap((result) => result.marks);
  const title =
    `Balancing ${settings.perSecond} requests a second of ${settings.callers} proxies over 10 instances, one slow, one failing, one limiting; ` +
    `simulated; medians of ${seeds} × ${settings.seconds} s`;
  const tables = results.flatMap(({ where, measured }) => ['', `${where}:`, formatBalance(measured)]);
  const choice = results[0]!.measured.find(({ algorithm }) => algorithm === 'adaptive')?.runs[0]?.explanation;
  print(
    [title, ...tables, ...(choice ? ['', `adaptive in the end: ${choice}`] : []), '', formatMarks(marks)].join('\n'),
  );
  if (jsonFile !== undefined) {
    writeJson(jsonFile, { bench: 'balance', ...(await describeRun()), settings, seeds, results, marks });
    writePicture(
      jsonFile,
      barChart(
        title,
        results.flatMap(({ where, measured }) => balanceCharts(measured, where)),
      ),
    );
  }
  return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
}

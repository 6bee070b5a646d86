// `npm run slow`: slowhttptest in its four modes against one proxy. Not part of the product.
import { type Command, helpOf, type Invocation, readInvocation, UsageError } from '../../cli/command.ts';
import { outputOption, readOutput } from '../../cli/output.ts';
import { listFlag, numberFlag } from '../bench/flags.ts';
import { describeRun, writeJson } from '../bench/json-output.ts';
import { formatMarks } from '../bench/marks.ts';
import { showProgress } from '../bench/progress.ts';
import { withRig } from '../bench/rig.ts';
import { formatCount, formatMegabytes, formatTable } from '../bench/table.ts';
import { type AttackReport, attack, modeNames } from './attack.ts';
import { startOrigin } from './origin.ts';
import { judgeAttack } from './slow-marks.ts';

const program = 'npm run slow --';
const forms = ['table', 'json'];
/** Default of `limits.headTimeout`. */
const headTimeoutMs = 10_000;

const command: Command = {
  name: 'slow',
  summary: 'slowhttptest in its four modes against one proxy with default limits, before nginx.',
  options: {
    seconds: { value: 'S', default: '60', text: 'Length of each mode; slowhttptest’s own default is 240.' },
    connections: { value: 'N', default: '1000', text: 'Connections of the attack.' },
    rate: { value: 'N', default: '50', text: 'Connections it opens a second, as slowhttptest does.' },
    only: { value: 'MODE,...', text: `Some of ${modeNames.join(', ')}.` },
    output: outputOption(forms),
    check: { text: 'Exit with 1 when a mark is not met.' },
  },
  details: [
    'Meanwhile a fresh connection asks for a page every 100 ms. Each mode has a proxy of its own, one worker, whose memory is',
    'compared with what it held after 2,000 ordinary requests, before the attack.',
  ].join('\n'),
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const form = readOutput(invocation, forms);
  const settings = {
    seconds: numberFlag(invocation, 'seconds', { min: 1, max: 3600 }),
    connections: numberFlag(invocation, 'connections', { min: 1, max: 5000 }),
    rate: numberFlag(invocation, 'rate', { min: 1, max: 5000 }),
  };
  const only = listFlag(invocation, 'only', modeNames);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: false, status: progress.note }, async ({ owner }) => {
    progress.status('starting the origin');
    const originPort = await startOrigin(owner);
    const reports: AttackReport[] = [];
    for (const mode of only) {
      progress.status(`slow ${mode}: ${settings.connections} connections, up to ${settings.seconds} s`);
      reports.push(await attack(owner, mode, originPort, settings));
    }
    progress.clear();
    const marks = reports.flatMap((report) => judgeAttack(report, settings.connections, headTimeoutMs));
    if (form === 'json') writeJson('-', { bench: 'slow', ...(await describeRun()), settings, modes: reports, marks });
    else process.stdout.write(`${formatReports(reports)}\n\n${formatMarks(marks)}\n`);
    return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
  });
}

function formatReports(reports: readonly AttackReport[]): string {
  return formatTable(
    ['', 'reached', 'head s', 'probes', 'answered', 'p99 ms', 'slowest ms', 'idle MB', 'peak MB', 'left'],
    reports.map(({ mode, reached, longestHeadMs, probe, idleBytes, peakBytes, left }) => [
      mode,
      formatCount(reached),
      (longestHeadMs / 1000).toFixed(1),
      formatCount(probe.sent),
      formatCount(probe.answered),
      formatCount(probe.p99Ms),
      formatCount(probe.slowestMs),
      formatMegabytes(idleBytes),
      formatMegabytes(peakBytes),
      formatCount(left),
    ]),
  );
}

/** The command line's own help and messages speak of `meshlane slow`; here the program is another. */
const asOurs = (text: string) => text.replaceAll(/\bmeshlane slow\b/g, program);

async function main(args: readonly string[]): Promise<number> {
  try {
    const invocation = readInvocation(command, args, {});
    if (invocation !== 'help') return await command.run(invocation);
    process.stdout.write(asOurs(helpOf(command)));
    return 0;
  } catch (error) {
    process.stderr.write(`slow: ${asOurs((error as Error).message)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));

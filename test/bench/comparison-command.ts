import type { Command, Invocation } from '../../cli/command.ts';
import { barChart } from './bar-chart.ts';
import { type ComparisonSettings, compare } from './comparison.ts';
import {
  chartsOf,
  doubts,
  formatRatios,
  formatSummaries,
  type Measured,
  type Ratios,
  ratiosOf,
  summarize,
} from './comparison-figures.ts';
import { listFlag, numberFlag } from './flags.ts';
import { describeRun, writeJson, writePicture } from './json-output.ts';
import { formatMarks, judge, type RatioMark } from './marks.ts';
import { profile } from './profile.ts';
import { showProgress } from './progress.ts';
import { withRig } from './rig.ts';
import { makeTlsFiles } from './tls-files.ts';
import type { Traffic } from './traffic.ts';

/** A load that one worker carries beside the peers, and what it has promised there. */
export type ComparisonKind = Traffic & {
  readonly name: string;
  readonly summary: string;
  /** What the first line of the table calls it. */
  readonly title: string;
  readonly connections: number;
  readonly sizeBytes: number;
  readonly hasSingles: boolean;
  /** How often the proxies are started anew (1), the rounds after each (5), and how long a block of them takes (4 s). */
  readonly starts?: number;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly isTls: boolean;
  readonly marks: readonly RatioMark[];
  readonly details: string;
};

/** The command that runs such a load on every proxy in turn and prints table, ratios and marks. */
export function comparisonCommand(kind: ComparisonKind): Command {
  return {
    name: kind.name,
    summary: kind.summary,
    options: {
      starts: { value: 'N', default: String(kind.starts ?? 1), text: 'How often the proxies are started anew.' },
      rounds: {
        value: 'N',
        default: String(kind.rounds ?? 5),
        text: 'Blocks per proxy and start; figures are medians of them.',
      },
      seconds: { value: 'S', default: String(kind.seconds ?? 4), text: sayBlock(kind) },
      warmup: { value: 'S', default: '3', text: 'Load on each proxy before the first round.' },
      connections: { value: 'N', default: String(kind.connections), text: 'Connections of the load.' },
      ...streamsOption(kind),
      size: { value: 'BYTES', default: String(kind.sizeBytes), text: 'Body of the reply.' },
      traces: { value: 'SHARE', default: '0.01', text: 'Share of Meshlane’s requests that make a span; 0 for none.' },
      only: { value: 'NAME,...', text: `Some of ${kind.contenders.join(', ')}.` },
      direct: { text: 'Measure the origin without a proxy, too: the ceiling of load and origin.' },
      'no-pin': { text: 'Leave placement to the scheduler.' },
      json: {
        value: 'FILE',
        text: 'Write everything measured, every round of it, and a picture beside it (.svg); - is stdout (the table goes to stderr).',
      },
      check: { text: 'Exit with 1 when a mark is not met, or Meshlane could not be measured.' },
      ...profileOption(kind),
    },
    details: [
      kind.details,
      '',
      'Every proxy is started before the first round, and idles while the others are measured (A B C D D C B A ...): a start',
      'per block would measure cold code and empty pools. An idle proxy costs next to nothing, and the run says when others',
      'took more than 3 % of the proxy’s CPU. V8 compiles the same code differently from start to start, which moves a',
      'figure by 10 % and more: to tell less than that apart takes several starts.',
      '',
      'req/CPU-s: requests per second of CPU time of the proxy (all its threads and processes); MB/CPU-s the same for bytes;',
      'busy, load, origin: how much of the time the proxy, the CPU of the load, and on it the origin worked.',
      'Latencies are of a closed loop: they compare proxies under the same load, but are not what users see.',
      'npm run bench -- open measures those.',
    ].join('\n'),
    run: (invocation) => run(kind, invocation),
  };
}

function streamsOption({ streams }: ComparisonKind): Command['options'] {
  if (streams === 1) return {};
  return { streams: { value: 'N', default: String(streams), text: 'Requests at once on each connection.' } };
}

/** Profiles are told apart by thread, so two processes with the same threads have none. */
function profileOption({ hops }: ComparisonKind): Command['options'] {
  if (hops.length > 1) return {};
  return { profile: { text: 'Instead of comparing: where Meshlane’s CPU time goes, by function and thread.' } };
}

function sayBlock({ hasSingles }: ComparisonKind): string {
  const text = 'Length of a block under full load';
  return hasSingles ? `${text}; one with a single connection adds a quarter.` : `${text}.`;
}

function readSettings(kind: ComparisonKind, invocation: Invocation): ComparisonSettings {
  return {
    starts: numberFlag(invocation, 'starts', { min: 1, max: 100 }),
    rounds: numberFlag(invocation, 'rounds', { min: 1, max: 1000 }),
    seconds: numberFlag(invocation, 'seconds', { min: 1, max: 600 }),
    warmupSeconds: numberFlag(invocation, 'warmup', { min: 0, max: 600 }),
    connections: numberFlag(invocation, 'connections', { min: 1, max: 2000 }),
    streams: kind.streams === 1 ? 1 : numberFlag(invocation, 'streams', { min: 1, max: 100 }),
    sizeBytes: numberFlag(invocation, 'size', { min: 0, max: kind.maxSizeBytes }),
    sampleRatio: numberFlag(invocation, 'traces', { min: 0, max: 1, isWhole: false }),
    isPinned: !invocation.isSet('no-pin'),
    isDirect: invocation.isSet('direct'),
    only: listFlag(invocation, 'only', kind.contenders),
    hops: kind.hops,
    hasSingles: kind.hasSingles,
  };
}

async function run(kind: ComparisonKind, invocation: Invocation): Promise<number> {
  const settings = readSettings(kind, invocation);
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: settings.isPinned, status: progress.note }, async (rig) => {
    const tls = kind.isTls ? await makeTlsFiles(rig.folder) : null;
    const ends = await kind.startEnds(rig, { sizeBytes: settings.sizeBytes, tls });
    if (invocation.isSet('profile')) return profile(kind.name, rig, ends, settings, tls, progress, print);
    const { measured, missing, spans } = await compare(rig, ends, settings, tls, progress);
    progress.clear();
    const ratios = ratiosToPeers(measured);
    const marks = judge(kind.marks, measured);
    const notes = [...missing.map(({ name, reason }) => `${name} is left out: ${reason}`), ...doubts(measured)];
    if (settings.sampleRatio > 0 && measured.some(({ name }) => name === 'meshlane') && spans.bytes === 0)
      notes.push('meshlane sent no span to the collector: tracing was not on');
    const streams = settings.streams > 1 ? ` of ${settings.streams} streams` : '';
    const title =
      `${kind.title}, ${settings.connections} connections${streams}, replies of ${settings.sizeBytes} bytes; ` +
      `medians of ${settings.starts * settings.rounds} × ${settings.seconds} s; ${rig.place.note}`;
    print(
      [
        title,
        '',
        formatSummaries(measured),
        ...(Object.keys(ratios).length > 0 ? ['', formatRatios(ratios)] : []),
        ...(notes.length > 0 ? ['', ...notes.map((note) => `note: ${note}`)] : []),
        ...(marks.length > 0 ? ['', formatMarks(marks)] : []),
      ].join('\n'),
    );
    if (jsonFile !== undefined) {
      writeJson(jsonFile, {
        bench: kind.name,
        ...(await describeRun()),
        settings,
        placement: rig.place,
        origin: ends.origin.program,
        proxies: measured.map((entry) => ({ ...entry, summary: summarize(entry) })),
        missing,
        ratios,
        spans,
        marks,
        notes,
      });
      writePicture(jsonFile, barChart(title, chartsOf(measured)));
    }
    const isKept = marks.every(({ isMet }) => isMet === true) && !missing.some(({ name }) => name === 'meshlane');
    return invocation.isSet('check') && !isKept ? 1 : 0;
  });
}

function ratiosToPeers(all: readonly Measured[]): Record<string, Ratios> {
  const ours = all.find(({ name }) => name === 'meshlane');
  const ratios: Record<string, Ratios> = {};
  for (const peer of all) {
    const ratio = ours && peer !== ours ? ratiosOf(ours, peer) : null;
    if (ratio) ratios[peer.name] = ratio;
  }
  return ratios;
}

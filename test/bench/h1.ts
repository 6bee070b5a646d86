import type { Command, Invocation } from '../../cli/command.ts';
import { type Block, measureBlock } from './block.ts';
import { type ContenderName, contenderNames, type Subject, startContender } from './contenders.ts';
import { listFlag, numberFlag } from './flags.ts';
import {
  doubts,
  formatRatios,
  formatSummaries,
  type Measured,
  type Ratios,
  ratiosOf,
  summarize,
} from './h1-figures.ts';
import { profileH1 } from './h1-profile.ts';
import { describeRun, writeJson } from './json-output.ts';
import { formatMarks, judgeH1 } from './marks.ts';
import { maxReplyBytes, type Origin, startOrigin } from './origin.ts';
import { residentBytesOf } from './proc.ts';
import { type Progress, showProgress } from './progress.ts';
import { type Rig, withRig } from './rig.ts';
import { startSpanSink } from './span-sink.ts';

export type H1Settings = {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly connections: number;
  readonly sizeBytes: number;
  readonly isPinned: boolean;
  readonly isDirect: boolean;
  readonly only: readonly ContenderName[];
};

export const command: Command = {
  name: 'h1',
  summary: 'One worker on HTTP/1.1 keep-alive, beside HAProxy, nginx and Envoy in the same run.',
  options: {
    rounds: { value: 'N', default: '5', text: 'Blocks per proxy; figures are medians of them.' },
    seconds: {
      value: 'S',
      default: '4',
      text: 'Length of a block under full load; one with a single connection adds a quarter.',
    },
    warmup: { value: 'S', default: '3', text: 'Load on each proxy before the first round.' },
    connections: { value: 'N', default: '64', text: 'Connections of the load.' },
    size: { value: 'BYTES', default: '1024', text: 'Body of the reply.' },
    only: { value: 'NAME,...', text: `Some of ${contenderNames.join(', ')}.` },
    direct: { text: 'Measure the origin without a proxy, too: the ceiling of load and origin.' },
    'no-pin': { text: 'Leave placement to the scheduler.' },
    json: {
      value: 'FILE',
      text: 'Write everything measured, every round of it; - is stdout (the table goes to stderr).',
    },
    check: { text: 'Exit with 1 when a mark is not met.' },
    profile: { text: 'Instead of comparing: where Meshlane’s CPU time goes, by function and thread.' },
  },
  details: [
    'Every proxy is started once, before the first round, and idles while the others are measured (A B C D A B C D ...):',
    'a start per block would measure cold code and empty pools. An idle proxy costs next to nothing, and the run says',
    'when others took more than 3 % of the proxy’s CPU.',
    '',
    'req/CPU-s is the figure to compare: requests per second of CPU time of the proxy (all its threads and processes).',
  ].join('\n'),
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const settings: H1Settings = {
    rounds: numberFlag(invocation, 'rounds', { min: 1, max: 1000 }),
    seconds: numberFlag(invocation, 'seconds', { min: 1, max: 600 }),
    warmupSeconds: numberFlag(invocation, 'warmup', { min: 0, max: 600 }),
    connections: numberFlag(invocation, 'connections', { min: 1, max: 2000 }),
    sizeBytes: numberFlag(invocation, 'size', { min: 0, max: maxReplyBytes }),
    isPinned: !invocation.isSet('no-pin'),
    isDirect: invocation.isSet('direct'),
    only: listFlag(invocation, 'only', contenderNames),
  };
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: settings.isPinned, status: progress.note }, async (rig) => {
    const origin = await startOrigin(rig, settings.sizeBytes);
    if (invocation.isSet('profile')) return profileH1(rig, origin, settings, progress, print);
    const { measured, missing, spans } = await compare(rig, origin, settings, progress);
    progress.clear();
    const ratios = ratiosToPeers(measured);
    const marks = judgeH1(measured);
    const notes = [...missing.map(({ name, reason }) => `${name} is left out: ${reason}`), ...doubts(measured)];
    if (measured.some(({ name }) => name === 'meshlane') && spans.bytes === 0)
      notes.push('meshlane sent no span to the collector: tracing was not on');
    print(
      [
        `HTTP/1.1 keep-alive, ${settings.connections} connections, replies of ${settings.sizeBytes} bytes; ` +
          `medians of ${settings.rounds} × ${settings.seconds} s; ${rig.place.note}`,
        '',
        formatSummaries(measured),
        ...(Object.keys(ratios).length > 0 ? ['', formatRatios(ratios)] : []),
        ...(notes.length > 0 ? ['', ...notes.map((note) => `note: ${note}`)] : []),
        ...(marks.length > 0 ? ['', formatMarks(marks)] : []),
      ].join('\n'),
    );
    if (jsonFile !== undefined)
      writeJson(jsonFile, {
        bench: 'h1',
        ...(await describeRun()),
        settings,
        placement: rig.place,
        origin: `haproxy ${origin.version}`,
        proxies: measured.map((entry) => ({ ...entry, summary: summarize(entry) })),
        missing,
        ratios,
        spans,
        marks,
        notes,
      });
    return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
  });
}

type Comparison = {
  measured: Measured[];
  missing: { name: string; reason: string }[];
  spans: { exports: number; bytes: number };
};

async function compare(rig: Rig, origin: Origin, settings: H1Settings, progress: Progress): Promise<Comparison> {
  const sink = await startSpanSink(rig.owner);
  const subjects: Subject[] = [];
  const missing: Comparison['missing'] = [];
  if (settings.isDirect) subjects.push({ name: 'no proxy', version: '', port: origin.port, pid: null });
  for (const name of settings.only) {
    progress.status(`starting ${name}`);
    const started = await startContender(name, rig, origin, sink.port);
    if ('missing' in started) missing.push({ name, reason: started.missing });
    else subjects.push(started);
  }
  for (const subject of subjects) {
    if (settings.warmupSeconds === 0) break;
    progress.status(`warming up ${subject.name}`);
    await measureBlock(subject, { connections: settings.connections, seconds: settings.warmupSeconds }, rig.place);
  }
  const rows = subjects.map((subject) => ({ subject, blocks: [] as Block[], singles: [] as Block[] }));
  const singleSeconds = Math.max(1, Math.round(settings.seconds / 4));
  for (let round = 1; round <= settings.rounds; round++)
    for (const { subject, blocks, singles } of rows) {
      progress.status(`round ${round} of ${settings.rounds}: ${subject.name}`);
      blocks.push(await measureBlock(subject, settings, rig.place));
      singles.push(await measureBlock(subject, { connections: 1, seconds: singleSeconds }, rig.place));
    }
  const measured = rows.map(({ subject: { name, version, pid }, blocks, singles }) => ({
    name,
    version,
    blocks,
    singles,
    residentBytes: pid === null ? null : residentBytesOf(pid),
  }));
  return { measured, missing, spans: sink.received() };
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

import { type Block, measureBlock } from './block.ts';
import type { Measured } from './comparison-figures.ts';
import { type ContenderName, originAlone, type Subject, startContender } from './contenders.ts';
import type { Ends } from './ends.ts';
import type { Hop } from './hop.ts';
import { residentBytesOf } from './proc.ts';
import type { Progress } from './progress.ts';
import type { Rig } from './rig.ts';
import { startSpanSink } from './span-sink.ts';
import type { TlsFiles } from './tls-files.ts';

export type ComparisonSettings = {
  /** How often the proxies are started anew. */
  readonly starts: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly connections: number;
  /** Requests under way at once on each connection. */
  readonly streams: number;
  readonly sizeBytes: number;
  readonly sampleRatio: number;
  readonly isPinned: boolean;
  readonly isDirect: boolean;
  readonly only: readonly ContenderName[];
  /** What each proxy on the way speaks, nearest to the load first. */
  readonly hops: readonly Hop[];
  /** Whether a block with one connection follows each block under full load. */
  readonly hasSingles: boolean;
};

export type Comparison = {
  readonly measured: readonly Measured[];
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
  readonly spans: { readonly exports: number; readonly bytes: number };
};

/**
 * Starts every proxy, then loads them in turn, round after round (A B C D D C B A ...): a start per block would measure
 * cold code and empty pools, and what disturbs the machine for a while disturbs all of them. Where the code is compiled
 * while it runs, as ours is, no two starts are equally quick, so a small difference needs several.
 */
export async function compare(
  rig: Rig,
  ends: Ends,
  settings: ComparisonSettings,
  tls: TlsFiles | null,
  progress: Progress,
): Promise<Comparison> {
  const sink = await startSpanSink(rig);
  const measured = new Map<string, Measured>();
  const missing: { name: string; reason: string }[] = [];
  for (let start = 1; start <= settings.starts; start++) {
    const subjects: Subject[] = settings.isDirect ? [originAlone(ends)] : [];
    for (const name of settings.only) {
      if (missing.some((one) => one.name === name)) continue;
      progress.status(`starting ${name}${settings.starts > 1 ? `, ${start} of ${settings.starts}` : ''}`);
      const { hops, sampleRatio } = settings;
      const started = await startContender(name, rig, ends, { hops, spansPort: sink.port, sampleRatio, tls });
      if ('missing' in started) missing.push({ name, reason: started.missing });
      else subjects.push(started);
    }
    for (const one of await measure(subjects, rig, ends, settings, progress)) {
      const before = measured.get(one.name);
      measured.set(one.name, before ? joined(before, one) : one);
    }
    for (const { processes } of subjects) for (const { stop } of processes) await stop();
  }
  return { measured: [...measured.values()], missing, spans: await sink.received() };
}

async function measure(
  subjects: readonly Subject[],
  rig: Rig,
  ends: Ends,
  settings: ComparisonSettings,
  progress: Progress,
): Promise<Measured[]> {
  for (const subject of subjects) {
    if (settings.warmupSeconds === 0) break;
    progress.status(`warming up ${subject.name}`);
    await measureBlock(subject, ends, { ...settings, seconds: settings.warmupSeconds }, rig.place);
  }
  const rows = subjects.map((subject) => ({ subject, blocks: [] as Block[], singles: [] as Block[] }));
  const singleSeconds = Math.max(1, Math.round(settings.seconds / 4));
  for (let round = 1; round <= settings.rounds; round++)
    for (const { subject, blocks, singles } of round % 2 === 1 ? rows : rows.toReversed()) {
      progress.status(`round ${round} of ${settings.rounds}: ${subject.name}`);
      blocks.push(await measureBlock(subject, ends, settings, rig.place));
      if (settings.hasSingles)
        singles.push(await measureBlock(subject, ends, { connections: 1, seconds: singleSeconds }, rig.place));
    }
  return rows.map(({ subject: { name, version, processes }, blocks, singles }) => ({
    name,
    version,
    blocks,
    singles,
    residentBytes: residentBytesOfAll(processes),
  }));
}

/** What was measured of the same proxy after two starts; its memory is that of the later one. */
function joined(before: Measured, after: Measured): Measured {
  return {
    ...after,
    blocks: [...before.blocks, ...after.blocks],
    singles: [...before.singles, ...after.singles],
  };
}

function residentBytesOfAll(processes: Subject['processes']): Measured['residentBytes'] {
  if (processes.length === 0) return null;
  const sum = { now: 0, peak: 0 };
  for (const { pid } of processes) {
    const { now, peak } = residentBytesOf(pid);
    sum.now += now;
    sum.peak += peak;
  }
  return sum;
}

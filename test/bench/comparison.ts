import { type Block, measureBlock } from './block.ts';
import type { Measured } from './comparison-figures.ts';
import { type ContenderName, type Subject, startContender } from './contenders.ts';
import type { Origin } from './origin.ts';
import { residentBytesOf } from './proc.ts';
import type { Progress } from './progress.ts';
import type { Rig } from './rig.ts';
import { startSpanSink } from './span-sink.ts';
import type { TlsFiles } from './tls-files.ts';

export type ComparisonSettings = {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly connections: number;
  readonly sizeBytes: number;
  readonly sampleRatio: number;
  readonly isPinned: boolean;
  readonly isDirect: boolean;
  readonly only: readonly ContenderName[];
  /** Whether a block with one connection follows each block under full load. */
  readonly hasSingles: boolean;
};

export type Comparison = {
  readonly measured: readonly Measured[];
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
  readonly spans: { readonly exports: number; readonly bytes: number };
};

/**
 * Starts every proxy once, then loads them in turn, round after round (A B C D A B C D ...): a start per block would
 * measure cold code and empty pools, and what disturbs the machine for a while disturbs all of them.
 */
export async function compare(
  rig: Rig,
  origin: Origin,
  settings: ComparisonSettings,
  tls: TlsFiles | null,
  progress: Progress,
): Promise<Comparison> {
  const sink = await startSpanSink(rig);
  const subjects: Subject[] = [];
  const missing: { name: string; reason: string }[] = [];
  if (settings.isDirect) subjects.push({ name: 'no proxy', version: '', port: origin.port, pid: null, tls: null });
  for (const name of settings.only) {
    progress.status(`starting ${name}`);
    const { sampleRatio } = settings;
    const started = await startContender(name, rig, origin, { spansPort: sink.port, sampleRatio, tls });
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
      if (settings.hasSingles)
        singles.push(await measureBlock(subject, { connections: 1, seconds: singleSeconds }, rig.place));
    }
  const measured = rows.map(({ subject: { name, version, pid }, blocks, singles }) => ({
    name,
    version,
    blocks,
    singles,
    residentBytes: pid === null ? null : residentBytesOf(pid),
  }));
  return { measured, missing, spans: await sink.received() };
}

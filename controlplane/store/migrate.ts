/**
 * Copies what one store has into another: resources and history. What is below `meta/` stays behind, since it is about
 * the control planes of the one store and its revisions; so the copy gets an id of its own.
 *
 * A marker in the target tells who copies into it, until all is there. With it, the next run goes on where this one was
 * cut off: what is there already is left as it is.
 */
import type { Operation, Store, StoreEntry } from './store.ts';

/** The target is not as it must be; the message says what to do. */
export class MigrationRefused extends Error {}

export type Migration = {
  /** Entries by what stands before the slash of their keys: kinds of resources, and `history`. */
  readonly entries: Readonly<Record<string, number>>;
  readonly copied: number;
  /** Already there: an earlier run was cut off. */
  readonly unchanged: number;
  /** Taken out of the target. */
  readonly removed: number;
};

export type MigrationOptions = {
  /** Empties the target first. */
  readonly overwrite: boolean;
  readonly onProgress?: (done: number, total: number) => void;
};

type Marker = { readonly from: string; readonly phase: 'clearing' | 'copying' };

const markerKey = 'meta/migration';
const mostInBatch = 100;
/** etcd takes 1.5 MiB in one request. */
const mostBatchBytes = 1_000_000;

/** Rejects with MigrationRefused, or with the error of a store; running it again goes on. */
export async function migrate(from: Store, to: Store, options: MigrationOptions): Promise<Migration> {
  const source = carried((await from.list('')).entries);
  let target = carried((await to.list('')).entries);
  const phase = await begin(from, to, target.length, options);
  let removed = 0;
  if (phase === 'clearing') {
    removed += await remove(to, target);
    target = [];
    await mark(to, { from: from.name, phase: 'copying' });
  }
  const there = new Map(target.map((entry) => [entry.key, entry]));
  const missing = source.filter((entry) => !isSame(entry, there.get(entry.key)));
  const wanted = new Set(source.map(({ key }) => key));
  removed += await remove(
    to,
    target.filter(({ key }) => !wanted.has(key)),
  );
  let copied = 0;
  for (const batch of batchesOf(missing)) {
    await to.commit(await putsOf(batch, from));
    copied += batch.length;
    options.onProgress?.(source.length - missing.length + copied, source.length);
  }
  const entries = await verify(from, to);
  await to.commit([{ type: 'delete', key: markerKey }]);
  return { entries, copied, unchanged: source.length - missing.length, removed };
}

/** Sets the marker, unless an earlier run did; tells what is to be done next. */
async function begin(from: Store, to: Store, count: number, { overwrite }: MigrationOptions): Promise<Marker['phase']> {
  const marker = readMarker((await to.get(markerKey))?.value);
  if (marker?.from === from.name) return marker.phase;
  if (count > 0 && !overwrite)
    throw new MigrationRefused(
      marker
        ? `${to.name} holds a part of ${marker.from}: finish that, or replace it with --overwrite`
        : `${to.name} is not empty, it has ${count} entries; replace them with --overwrite, or name another place`,
    );
  const phase = count > 0 ? 'clearing' : 'copying';
  await mark(to, { from: from.name, phase });
  return phase;
}

async function mark(to: Store, marker: Marker): Promise<void> {
  await to.commit([{ type: 'put', key: markerKey, value: JSON.stringify(marker) }]);
}

/** Null also for one that somebody broke by hand. */
function readMarker(value: string | undefined): Marker | null {
  try {
    return JSON.parse(value ?? 'null') as Marker | null;
  } catch {
    return null;
  }
}

async function remove(to: Store, entries: readonly StoreEntry[]): Promise<number> {
  for (let i = 0; i < entries.length; i += mostInBatch)
    await to.commit(
      entries.slice(i, i + mostInBatch).map(({ key, lease }) => ({
        type: 'delete',
        key,
        ...(lease === null ? {} : { formerLease: lease }),
      })),
    );
  return entries.length;
}

/** Every lease begins anew. */
async function putsOf(batch: readonly StoreEntry[], from: Store): Promise<Operation[]> {
  const puts = batch.map(async ({ key, value, lease }): Promise<Operation> => {
    const time = lease === null ? null : await from.leaseTime(lease);
    return { type: 'put', key, value, ...(time === null ? {} : { leaseSeconds: Math.ceil(time.grantedMs / 1000) }) };
  });
  return Promise.all(puts);
}

/** An entry of the history has a batch of its own, since its revision tells it from the others. */
function* batchesOf(entries: readonly StoreEntry[]): Iterable<StoreEntry[]> {
  let batch: StoreEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = Buffer.byteLength(entry.key) + Buffer.byteLength(entry.value);
    const isAlone = groupOf(entry.key) === 'history' || (batch[0] && groupOf(batch[0].key) === 'history');
    if (batch.length > 0 && (isAlone || batch.length === mostInBatch || bytes + size > mostBatchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

async function verify(from: Store, to: Store): Promise<Record<string, number>> {
  const [source, target] = [carried((await from.list('')).entries), carried((await to.list('')).entries)];
  const there = new Map(target.map((entry) => [entry.key, entry]));
  const unlike = source.filter((entry) => !isSame(entry, there.get(entry.key)));
  if (unlike.length > 0 || source.length !== target.length)
    throw new MigrationRefused(
      `${from.name} has ${source.length} entries and ${to.name} ${target.length}, ${unlike.length} of them are not ` +
        'alike: something changed meanwhile. Stop the control planes of both and run it again',
    );
  const counts: Record<string, number> = {};
  for (const { key } of target) counts[groupOf(key)] = (counts[groupOf(key)] ?? 0) + 1;
  return counts;
}

function carried(entries: readonly StoreEntry[]): StoreEntry[] {
  return entries.filter(({ key }) => groupOf(key) !== 'meta');
}

function groupOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

function isSame(entry: StoreEntry, other: StoreEntry | undefined): boolean {
  return other !== undefined && entry.value === other.value && (entry.lease === null) === (other.lease === null);
}

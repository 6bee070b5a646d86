/**
 * Who changed what in the configuration, and when: an entry for each write, stored in the same commit under
 * `history/<number>`. The numbers have no gaps, so that one can tell whether all that happened since is still known. Only
 * the heads of the entries are kept in memory.
 */
import type { FollowSink } from '../store/follow.ts';
import type { Listing, Operation, Store, StoreChange, StoreEntry } from '../store/store.ts';
import { type ConfigurationChange, type EntryHead, encodeEntry, readChanges, readHead } from './entry.ts';

export type HistoryItem = EntryHead & { readonly revision: number };

type Known = { readonly item: HistoryItem; readonly bytes: number };

const prefix = 'history/';
const digits = 12;
const mostEntries = 1_000;
const mostBytes = 64 * 1024 * 1024;
/** Removed for one that is added, so that a bound that was lowered is reached, and no write is large. */
const removedAtOnce = 2;
const readAtOnce = 8;

/** What cannot be told any more, or not yet; the message says why. */
export class UnknownRevision extends Error {}

export class History implements FollowSink {
  readonly #store: Store;
  readonly #known = new Map<number, Known>();
  #last = 0;
  #bytes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  onListing({ entries }: Listing): void {
    this.#known.clear();
    this.#last = this.#bytes = 0;
    for (const entry of entries) this.#add(entry);
  }

  onChange({ events }: StoreChange): void {
    for (const event of events) {
      if (event.type === 'put') this.#add(event.entry);
      else this.#remove(event.key);
    }
  }

  /** Number of the newest entry: another one after each change of the configuration, by whichever replica. */
  get last(): number {
    return this.#last;
  }

  /** The operations that put an entry into a commit; the oldest entries go as far as there is room in it. */
  async operations(head: EntryHead, changes: readonly ConfigurationChange[], room: number): Promise<Operation[]> {
    const value = await encodeEntry(head, changes);
    const added: Operation = { type: 'put', key: keyOf(this.#last + 1), value, expected: 0 };
    let entries = this.#known.size + 1;
    let bytes = this.#bytes + value.length;
    const removed: Operation[] = [];
    for (const [number, known] of this.#known) {
      if (removed.length >= Math.min(removedAtOnce, room - 1) || (entries <= mostEntries && bytes <= mostBytes)) break;
      removed.push({ type: 'delete', key: keyOf(number) });
      entries--;
      bytes -= known.bytes;
    }
    return [added, ...removed];
  }

  /** Newest first, those before a revision where one is given. */
  list(limit: number, before = Number.POSITIVE_INFINITY): HistoryItem[] {
    const items = [...this.#known.values()].map(({ item }) => item);
    return items
      .reverse()
      .filter(({ revision }) => revision < before)
      .slice(0, limit);
  }

  /** Null when nothing is known of a change at that revision. */
  async get(revision: number): Promise<(HistoryItem & { readonly changes: ConfigurationChange[] }) | null> {
    for (const [number, { item }] of this.#known)
      if (item.revision === revision) return { ...item, changes: await this.#changes(number) };
    return null;
  }

  /**
   * What became of each resource from after one revision to after a later one: the first version and the last one, which
   * may be the same. Throws an UnknownRevision when the entries do not reach back so far.
   */
  async between(from: number, to: number): Promise<ConfigurationChange[]> {
    const numbers = this.#numbersOf(from, to);
    const changed = new Map<string, ConfigurationChange>();
    for (let i = 0; i < numbers.length; i += readAtOnce) {
      const read = await Promise.all(numbers.slice(i, i + readAtOnce).map((number) => this.#changes(number)));
      for (const { key, before, after } of read.flat())
        changed.set(key, { key, before, after: changed.has(key) ? changed.get(key)!.after : after });
    }
    return [...changed.values()];
  }

  /** The entries after one revision and up to a later one, newest first. */
  #numbersOf(from: number, to: number): number[] {
    const numbers: number[] = [];
    let next = this.#last;
    for (const [number, { item }] of [...this.#known].reverse()) {
      if (number !== next) throw new UnknownRevision(`the history has a gap before revision ${item.revision}`);
      if (item.revision <= from) return numbers;
      next--;
      if (item.revision <= to) numbers.push(number);
    }
    const oldest = this.list(mostEntries).at(-1);
    throw new UnknownRevision(
      oldest ? `the history begins at revision ${oldest.revision}` : 'there is no history yet: nothing was changed',
    );
  }

  async #changes(number: number): Promise<ConfigurationChange[]> {
    const entry = await this.#store.get(keyOf(number));
    if (!entry) throw new UnknownRevision('the history does not reach back so far any more');
    return readChanges(entry.value);
  }

  #add({ key, value, revision }: StoreEntry): void {
    const number = numberOf(key);
    if (number === null) return;
    this.#remove(key);
    this.#last = Math.max(this.#last, number);
    const head = readHead(value);
    if (head === null) return;
    this.#known.set(number, { item: { revision, ...head }, bytes: value.length });
    this.#bytes += value.length;
  }

  #remove(key: string): void {
    const number = numberOf(key);
    const known = number === null ? undefined : this.#known.get(number);
    if (number === null || !known) return;
    this.#known.delete(number);
    this.#bytes -= known.bytes;
  }
}

function keyOf(number: number): string {
  return `${prefix}${String(number).padStart(digits, '0')}`;
}

function numberOf(key: string): number | null {
  return /^history\/[0-9]{12}$/.test(key) ? Number(key.slice(prefix.length)) : null;
}

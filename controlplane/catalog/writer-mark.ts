import type { Operation, StoreChange, StoreEntry } from '../store/store.ts';

/** The key that every write of a control plane changes too, so that two replicas never write on what they have not seen. */
export const writerKey = 'meta/writer';

const answeredFor = 'answered-for';

/**
 * The entry under that key after a write: who wrote, its how-manieth write it was, and whether somebody answers for what
 * is lost by it.
 */
export function writerMark(writer: string, count: number, isAnswered: boolean, expected: number): Operation {
  const value = [writer, count, ...(isAnswered ? [answeredFor] : [])].join(' ');
  return { type: 'put', key: writerKey, value, expected };
}

/** Tells whether a revision is the write that left this mark, and one that somebody answers for. */
export function isAnsweredFor(revision: number, mark: StoreEntry | undefined): boolean {
  return mark?.revision === revision && mark.value.endsWith(answeredFor);
}

/** Tells whether a control plane made the change, and not the store by itself or somebody by hand. */
export function isOurs({ events }: StoreChange): boolean {
  return events.some((event) => event.type === 'put' && event.entry.key === writerKey);
}

import type { Log } from '../../observability/logging/log.ts';
import { messageOf } from '../message-of.ts';
import type { Listing, Store, StoreChange } from './store.ts';

export type FollowSink = {
  /** Everything there is, at a revision; comes first, and again whenever changes could have been missed. */
  onListing(listing: Listing): void;
  onChange(change: StoreChange): void;
};

export type Following = {
  /** False while the store cannot be reached, so that what is known may be old. */
  isConnected(): boolean;
  close(): void;
};

const firstPauseMs = 100;
const longestPauseMs = 2_000;
const failuresPerWarning = 15;

/**
 * Lists the store and follows it for ever: a watch that breaks is taken up after the last change that was seen; when the
 * store no longer has the changes from there on, it is listed again. Resolves once the first listing is there.
 */
export async function follow(store: Store, sink: FollowSink, log: Log, signal?: AbortSignal): Promise<Following> {
  let watch: { close(): void } | null = null;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let last = 0;
  let connected = false;
  let closed = false;
  const { promise: listed, resolve, reject } = Promise.withResolvers<void>();

  const close = () => {
    closed = true;
    connected = false;
    clearTimeout(timer);
    watch?.close();
  };
  const later = (step: () => void, why: string) => {
    connected = false;
    if (failures % failuresPerWarning === 0)
      log.warn('the store cannot be reached; trying again', { store: store.name, why });
    timer = setTimeout(step, Math.min(firstPauseMs * 2 ** Math.min(failures, 10), longestPauseMs));
    failures++;
  };
  const list = async () => {
    try {
      const listing = await store.list('');
      if (closed) return;
      last = listing.revision;
      sink.onListing(listing);
      resolve();
      take();
    } catch (error) {
      if (!closed) later(() => void list(), messageOf(error));
    }
  };
  const take = () => {
    watch = store.watch('', last + 1, {
      onOpen: () => {
        if (failures > 0) log.info('the store is followed', { store: store.name, revision: last });
        connected = true;
        failures = 0;
      },
      onChange: (change) => {
        last = change.revision;
        sink.onChange(change);
      },
      onLost: (reason, detail) => {
        if (!closed) later(reason === 'compacted' ? () => void list() : take, detail);
      },
    });
  };
  const stop = () => {
    close();
    reject(new Error('stopped before the store could be read'));
  };
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  else void list();
  await listed;
  return { isConnected: () => connected, close };
}

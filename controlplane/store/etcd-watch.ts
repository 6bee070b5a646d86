/**
 * One watch: a raw stream that ends with `onLost`; the follower decides how to go on. etcd3's own watcher resumes from
 * header revisions (and so may skip events), stops for good on a compaction and handles each failure twice.
 *
 * Silence is no proof that nothing happens: the member may hang, or the connection may be gone without a word. So after
 * some of it the member is asked for progress, which it answers at once. Only that it answers counts. The revision in
 * the answer does not: etcd before 3.4.25 and 3.5.8 may send it ahead of changes that came before it.
 */
import type * as RPC from 'etcd3';
import type { EtcdConnections, Member } from './etcd-connections.ts';
import { textOf } from './etcd-errors.ts';
import { type EtcdKeys, endOf } from './etcd-keys.ts';
import type { StoreEvent, WatchSink } from './store.ts';

/** Silence after which it is asked, and then the time it has to say something. Together they stay well below 5 s. */
const askAfterMs = 1_000;
const answerMs = 2_000;

type Client = { watch(metadata: unknown): Stream };
type Stream = RPC.IDuplexStream<RPC.IWatchRequest, RPC.IWatchResponse>;

export class EtcdWatch {
  readonly #connections: EtcdConnections;
  readonly #keys: EtcdKeys;
  readonly #from: number;
  readonly #sink: WatchSink;
  readonly #onEnd: () => void;
  #stream: Stream | null = null;
  #member: Member | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(connections: EtcdConnections, keys: EtcdKeys, from: number, sink: WatchSink, onEnd: () => void) {
    this.#connections = connections;
    this.#keys = keys;
    this.#from = from;
    this.#sink = sink;
    this.#onEnd = onEnd;
  }

  async open(prefix: string): Promise<void> {
    this.#mustAnswer();
    try {
      const { stream, member } = await this.#connections.withConnection('Watch', ({ client, metadata, resource }) => ({
        stream: (client as unknown as Client).watch(metadata),
        member: resource,
      }));
      this.#stream = stream;
      this.#member = member;
      // Errors of a cancelled stream arrive late; without a listener they would end the process.
      stream.on('error', (error) => {
        this.#connections.markFailed(member, error);
        this.lose('disconnected', textOf(error));
      });
      stream.on('end', () => this.lose('disconnected', 'etcd ended the watch'));
      stream.on('data', (response) => this.#take(response));
      if (this.#isOver) return stream.cancel();
      const key = this.#keys.path(prefix);
      stream.write({ create_request: { key, range_end: endOf(key), start_revision: this.#from } });
    } catch (error) {
      this.lose('disconnected', textOf(error));
    }
  }

  close(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#onEnd();
  }

  /** Ends it, and tells why. */
  lose(...why: Parameters<WatchSink['onLost']>): void {
    if (this.#isOver) return;
    this.close();
    this.#sink.onLost(...why);
  }

  #mustAnswer(): void {
    this.#timer = setTimeout(() => {
      if (this.#member) this.#connections.abandon(this.#member);
      this.lose('disconnected', `etcd was asked and said nothing for ${answerMs / 1000} s`);
    }, answerMs);
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#stream?.write({ progress_request: {} });
      this.#mustAnswer();
    }, askAfterMs);
  }

  #take(response: RPC.IWatchResponse): void {
    if (this.#isOver) return;
    this.#heard();
    if (response.canceled) this.#connections.forgetToken();
    const end = endOfWatch(response, this.#from);
    if (end) return this.lose(...end);
    if (response.created) this.#sink.onOpen?.();
    for (let i = 0; i < response.events.length; ) {
      const at = response.events[i]!.kv.mod_revision;
      const events: StoreEvent[] = [];
      // The events of one revision always come in one response, one after the other.
      for (; response.events[i]?.kv.mod_revision === at; i++) {
        const { type, kv } = response.events[i]!;
        if (type === 'Delete') events.push({ type: 'delete', key: this.#keys.key(kv.key) });
        else events.push({ type: 'put', entry: this.#keys.entry(kv) });
      }
      this.#sink.onChange({ revision: Number(at), events });
    }
  }
}

/** Why this response is the last one of its watch, if it is. */
function endOfWatch(response: RPC.IWatchResponse, from: number): Parameters<WatchSink['onLost']> | null {
  const revision = Number(response.header.revision);
  if (Number(response.compact_revision) > 0)
    return ['compacted', `etcd was compacted at revision ${response.compact_revision}`];
  if (response.canceled) return ['disconnected', response.cancel_reason || 'etcd cancelled the watch'];
  // A store that went back, as after a restore, would stay silent until it caught up.
  if (response.created && revision < from - 1)
    return ['compacted', `etcd is at revision ${revision}, before the expected ${from}`];
  return null;
}

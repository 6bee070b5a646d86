/**
 * All streams to the sidecars: hands the changes of the catalog to each, closes the ones that stopped answering, and
 * knows how far each rollout has come.
 */
import type { Log } from '../../observability/logging/log.ts';
import type { WireHello, WireReport } from '../../shared/discovery/discovery.ts';
import type { OutgoingMessage } from '../../shared/grpc/server/outgoing-message.ts';
import { keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import { meshKey, readMeshId } from '../store/mesh-id.ts';
import { MeshFeed, type Pending } from './mesh-feed.ts';
import { Pacer } from './pacer.ts';
import { describeRollout, RevisionLog, type Rollout } from './rollouts.ts';
import { SidecarStream } from './sidecar-stream.ts';
import { join, type Presence, standingHere, standingTold } from './standing.ts';
import { tell } from './tell.ts';
import { nobodyElse, type Others, type Telling } from './told.ts';

export type CloseReason = 'slow' | 'replaced' | 'stopping' | 'restarted' | 'old';
type Closer = (reason: CloseReason, text: string) => void;

export type SidecarStatus = {
  readonly sidecar: string;
  readonly service: string;
  readonly version: string;
  readonly peer: string;
  readonly connected: boolean;
  /** Revision of the last update it answered. */
  readonly acked: number;
  readonly rejected: readonly {
    readonly kind: string;
    readonly name: string;
    readonly revision: number;
    readonly error: string;
  }[];
};

export const ackTimeoutMs = 15_000;
const rememberMs = 60_000;
const mostStreams = 10_000;
const mostRemembered = 1_000;
const sweepMs = 500;
/** Longest time of one stream, with jitter, so that sidecars spread over the control planes that are there now. */
const longestStreamMs = 30 * 60_000;
const streamJitter = 0.2;

/** Sidecars try again to connect every 2.4 s at the slowest; so long after a start, all that are there are back. */
export const reconnectMs = 5_000;

type OpenStream = { readonly stream: SidecarStream; readonly close: Closer; readonly endsMs: number };
type Gone = { readonly status: SidecarStatus; readonly atMs: number; hasLeft: boolean };

export class PushHub {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ackTimeoutMs: number;
  readonly #longestStreamMs: number;
  readonly #backBeforeMs: number;
  readonly #catalog: Catalog;
  /** Services of the sidecars that registered before the start and are not back yet, by sidecar. */
  readonly #awaited = new Map<string, string>();
  #hasHeard = false;
  readonly #feed: MeshFeed;
  readonly #pacer: Pacer;
  /** Changed since the last round over the streams. */
  #pending = new Map<ResourceKey, Pending>();
  #pendingRevision = 0;
  readonly #streams = new Map<string, OpenStream>();
  readonly #reportListeners = new Set<(sidecar: string, report: WireReport) => void>();
  readonly #gone = new Map<string, Gone>();
  #revisions: RevisionLog;
  readonly #unsubscribe: readonly (() => void)[];
  readonly #timer: NodeJS.Timeout;
  /** Closed because they did not answer, since the start. */
  slowClosed = 0;

  constructor(
    catalog: Catalog,
    clock: Clock,
    log: Log,
    { ackTimeoutMs: timeoutMs = ackTimeoutMs, reconnectMs: windowMs = reconnectMs, streamMs = longestStreamMs } = {},
  ) {
    this.#catalog = catalog;
    this.#feed = new MeshFeed(catalog);
    this.#clock = clock;
    this.#log = log;
    this.#ackTimeoutMs = timeoutMs;
    this.#longestStreamMs = streamMs;
    this.#backBeforeMs = clock.monotonicMs() + windowMs;
    // An instance with a lease has the name of its sidecar; one without was written by somebody else.
    for (const { resource } of catalog.sorted('Instance'))
      if (resource.kind === 'Instance' && resource.spec.leaseSeconds)
        this.#awaited.set(resource.name, resource.spec.service);
    this.#revisions = new RevisionLog(catalog);
    this.#pacer = new Pacer(
      () => this.#publish(),
      () => clock.monotonicMs(),
    );
    this.#readMesh();
    this.#unsubscribe = [
      catalog.subscribe((change) => this.#take(change)),
      catalog.subscribeMeta((key) => {
        if (key === meshKey) this.#readMesh();
      }),
    ];
    this.#timer = setInterval(() => this.#sweep(), Math.min(sweepMs, timeoutMs / 4));
    this.#timer.unref();
  }

  get connected(): number {
    return this.#streams.size;
  }

  /** Of the last change that sidecars are to hear of. The store goes on without them, as control planes write to it, too. */
  get newest(): number {
    return this.#pending.size > 0 ? this.#pendingRevision : this.#feed.now.revision;
  }

  get isFull(): boolean {
    return this.#streams.size >= mostStreams;
  }

  /** Takes a stream in and sends it everything. A stream of the same sidecar that is still there is closed. */
  open(hello: WireHello, peer: string, write: (message: OutgoingMessage) => void, close: Closer): SidecarStream {
    const stream = new SidecarStream(hello, peer, this.#feed, write, () => this.#clock.monotonicMs());
    const { sidecar } = stream.hello;
    const old = this.#streams.get(sidecar);
    if (old) {
      this.remove(old.stream);
      old.close('replaced', `sidecar "${sidecar}" opened another stream; give each sidecar a name of its own`);
    }
    this.#gone.delete(sidecar);
    this.#awaited.delete(sidecar);
    this.#hasHeard = true;
    const ageMs = this.#longestStreamMs * (1 + streamJitter * (2 * Math.random() - 1));
    this.#streams.set(sidecar, { stream, close, endsMs: this.#clock.monotonicMs() + ageMs });
    stream.sendAll();
    return stream;
  }

  /** Takes a stream out; one that was replaced already is no longer here. */
  remove(stream: SidecarStream): void {
    const { sidecar } = stream.hello;
    if (this.#streams.get(sidecar)?.stream !== stream) return;
    this.#streams.delete(sidecar);
    stream.close();
    const atMs = this.#clock.monotonicMs();
    this.#gone.set(sidecar, { status: statusOf(stream, false), atMs, hasLeft: stream.hasLeft });
    if (this.#gone.size > mostRemembered) this.#gone.delete(this.#gone.keys().next().value!);
  }

  /** Hears that a sidecar takes its instance out of the mesh: once it is gone, no rollout waits for it. */
  leave(sidecar: string): void {
    const stream = this.#streams.get(sidecar)?.stream;
    if (stream) stream.hasLeft = true;
    const gone = this.#gone.get(sidecar);
    if (gone) gone.hasLeft = true;
  }

  /** Calls the listener with what sidecars say of their requests; returns what ends that. */
  onReport(listener: (sidecar: string, report: WireReport) => void): () => void {
    this.#reportListeners.add(listener);
    return () => this.#reportListeners.delete(listener);
  }

  report(sidecar: string, report: WireReport): void {
    for (const listener of this.#reportListeners) listener(sidecar, report);
  }

  /** Connected sidecars and the ones that left in the last minute, by name. */
  sidecars(): SidecarStatus[] {
    const connected = [...this.#streams.values()].map(({ stream }) => statusOf(stream, true));
    const gone = this.#disconnected().map(({ status }) => status);
    return [...connected, ...gone].sort((a, b) => (a.sidecar < b.sidecar ? -1 : 1));
  }

  /**
   * Among the sidecars here, and those that the others tell of. Null when nothing is known of that revision: not there
   * yet, too long ago, or nothing of the mesh changed at it.
   */
  rollout(revision: number | 'latest', others: Others = nobodyElse): Rollout | null {
    const number = revision === 'latest' ? this.#revisions.latest : revision;
    if (number === undefined) return null;
    const resources = this.#revisions.resourcesAt(number);
    if (!resources) return null;
    const presence = this.#presence(others);
    const keys = new Set(resources.map(keyOf));
    const elsewhere = new Set(others.told.flatMap(({ here }) => here));
    const standing = join(
      [standingHere(number, keys, presence), ...others.told.map((told) => standingTold(number, keys, told))],
      (sidecar) => elsewhere.has(sidecar) || (this.#streams.get(sidecar)?.stream.acked ?? -1) >= number,
    );
    return describeRollout(number, resources, standing, presence);
  }

  /** What the others are to know of the sidecars here, given the revision that they were told last. */
  tell(others: Others, said: number): Telling {
    const missed = new Set(others.told.flatMap(({ laggards }) => laggards.map(({ sidecar }) => sidecar)));
    return tell(this.#presence(others), said, missed);
  }

  /** Hears of sidecars that are at another control plane. */
  letGo(sidecars: Iterable<string>): void {
    for (const sidecar of sidecars) {
      this.#gone.delete(sidecar);
      this.#awaited.delete(sidecar);
    }
  }

  /** Ends all streams, so that every sidecar comes back and gets everything anew: the revisions here are others now. */
  restart(why: string): void {
    for (const { stream, close } of [...this.#streams.values()]) {
      this.remove(stream);
      close('restarted', why);
    }
    this.#gone.clear();
    this.#revisions = new RevisionLog(this.#catalog);
    this.#pendingRevision = this.#catalog.revision;
    this.#publish();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#pacer.close();
    for (const end of this.#unsubscribe) end();
    for (const { close } of this.#streams.values()) close('stopping', 'the control plane stops');
    this.#streams.clear();
  }

  #take(change: CatalogChange): void {
    this.#revisions.take(change);
    for (const key of change.removed) {
      if (key.kind === 'Instance') this.#awaited.delete(key.name);
      this.#pending.set(`${key.kind}/${key.name}`, { key, stored: null });
    }
    for (const stored of change.changed) {
      const { kind, name } = stored.resource;
      this.#pending.set(stored.key, { key: { kind, name }, stored });
    }
    this.#pendingRevision = change.revision;
    this.#pacer.ask();
  }

  /** One round over the streams that have to hear of what changed. */
  #publish(): void {
    const pending = this.#pending;
    this.#pending = new Map();
    const { config, services } = this.#feed.publish(this.#pendingRevision, pending.values());
    for (const { stream } of this.#streams.values()) if (config || !stream.isScoped) stream.offer();
    if (!config) for (const { streams } of services) for (const stream of streams) stream.offer();
  }

  #readMesh(): void {
    const id = readMeshId(this.#catalog.meta(meshKey));
    // One that is broken or gone is mended by whoever follows the store.
    if (id !== '') this.#feed.mesh = id;
  }

  #presence({ told, hasElder }: Others): Presence {
    const gone = this.#disconnected().map(({ status, hasLeft }) => ({ ...status, hasLeft }));
    const isEarly = !hasElder && this.#clock.monotonicMs() < this.#backBeforeMs;
    const awaited = isEarly ? [...this.#awaited].map(([sidecar, service]) => ({ sidecar, service })) : [];
    const isTooEarly = isEarly && !this.#hasHeard && told.every(({ connected }) => connected === 0);
    return { newest: this.#feed.now.revision, streams: this.#streams, gone, awaited, isTooEarly };
  }

  #disconnected(): Gone[] {
    const since = this.#clock.monotonicMs() - rememberMs;
    for (const [sidecar, { atMs }] of this.#gone) if (atMs < since) this.#gone.delete(sidecar);
    return [...this.#gone.values()];
  }

  #sweep(): void {
    this.#disconnected();
    let edition = this.#feed.now.edition;
    for (const { stream } of this.#streams.values()) edition = Math.min(edition, stream.edition);
    this.#feed.forget(edition);
    if (this.#clock.monotonicMs() >= this.#backBeforeMs) this.#awaited.clear();
    const nowMs = this.#clock.monotonicMs();
    for (const { stream, close, endsMs } of this.#streams.values()) {
      if (endsMs <= nowMs && stream.waitingMs === 0) {
        this.remove(stream);
        close('old', 'reconnect: the stream has come to its longest age');
        continue;
      }
      if (stream.waitingMs < this.#ackTimeoutMs) continue;
      this.slowClosed++;
      const { sidecar } = stream.hello;
      this.#log.warn('a sidecar did not answer its update in time and was cut off', { sidecar, peer: stream.peer });
      this.remove(stream);
      close(
        'slow',
        `no answer to an update within ${this.#ackTimeoutMs / 1000} s; connect again for the current state`,
      );
    }
  }
}

function statusOf(stream: SidecarStream, connected: boolean): SidecarStatus {
  const { sidecar, service, version } = stream.hello;
  const rejected = [...stream.rejected].map(({ key, revision, error }) => ({ ...key, revision, error }));
  return { sidecar, service, version, peer: stream.peer, connected, acked: stream.acked, rejected };
}

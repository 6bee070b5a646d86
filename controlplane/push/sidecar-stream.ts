/**
 * One sidecar's stream. At most one update is on its way; what is published until it is acknowledged goes out with the
 * next one. So a slow sidecar costs one update and a number, and delays nobody.
 *
 *   offer() -> idle: write(update) -> in flight -- ack --> whatever was published meanwhile -> ...
 */
import type { WireAck, WireHello, WireKey } from '../../shared/discovery/discovery.ts';
import type { OutgoingMessage } from '../../shared/grpc/server/outgoing-message.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import { draftFull, draftUpdate } from './draft.ts';
import type { MeshFeed, Point } from './mesh-feed.ts';
import { Scope } from './scope.ts';
import type { Update } from './update.ts';

export type Rejected = { readonly key: WireKey; readonly revision: number; readonly error: string };

const longestError = 4_096;
const longestService = 253;
const longestVersion = 64;

type InFlight = { readonly update: Update; readonly brings: Point; readonly sentMs: number };

export class SidecarStream {
  readonly hello: Pick<WireHello, 'sidecar' | 'service' | 'version'>;
  readonly peer: string;
  /** It took its instance out of the mesh, so it is about to end. */
  hasLeft = false;
  readonly #feed: MeshFeed;
  readonly #write: (message: OutgoingMessage) => void;
  readonly #now: () => number;
  /** Null: it gets everything. */
  readonly #scope: Scope | null;
  #rejected: Map<ResourceKey, Rejected> | null = null;
  #inFlight: InFlight | null = null;
  /** What it had when the update in flight was sent. */
  #has: Point = { edition: 0, revision: 0 };

  constructor(
    { sidecar, service, version, scoped, services }: WireHello,
    peer: string,
    feed: MeshFeed,
    write: (message: OutgoingMessage) => void,
    now: () => number,
  ) {
    this.hello = { sidecar, service: cutText(service, longestService), version: cutText(version, longestVersion) };
    this.peer = peer;
    this.#feed = feed;
    this.#write = write;
    this.#now = now;
    this.#scope = scoped ? new Scope(feed, this) : null;
    this.#scope?.set(services, 0);
  }

  /** Revision up to which it has answered all that concerns it; 0 before the first answer. */
  get acked(): number {
    return this.#inFlight ? this.#has.revision : this.#feed.now.revision;
  }

  get isScoped(): boolean {
    return this.#scope !== null;
  }

  /** Edition from which on it may still have to be told what changed. */
  get edition(): number {
    return this.#inFlight ? this.#inFlight.brings.edition : this.#feed.now.edition;
  }

  get isRefusing(): boolean {
    return this.#rejected !== null;
  }

  get rejected(): Iterable<Rejected> {
    return this.#rejected?.values() ?? [];
  }

  /** Milliseconds for which an update has been waiting for its answer; 0 when none is. */
  get waitingMs(): number {
    return this.#inFlight ? this.#now() - this.#inFlight.sentMs : 0;
  }

  /** Sends everything there is; the first message of a stream. */
  sendAll(): void {
    this.#send(draftFull(this.#feed, this.hello.sidecar, this.#scope));
  }

  /** Something that may concern it was published. */
  offer(): void {
    if (this.#inFlight) return;
    this.#has = this.#feed.before;
    this.#catchUp();
  }

  /** Takes the place of the scope before; a stream that gets everything has no use for one. */
  setScope(services: readonly string[]): void {
    if (!this.#scope) return;
    if (!this.#inFlight) this.#has = this.#feed.now;
    this.#scope.set(services, this.edition);
    if (!this.#inFlight && this.#scope.hasNews) this.#catchUp();
  }

  /** Takes an answer; one that answers nothing is ignored. */
  ack({ revision, rejected }: WireAck): void {
    const answered = this.#inFlight;
    if (!answered || revision !== answered.update.revision) return;
    this.#inFlight = null;
    this.#has = answered.brings;
    if (this.#rejected || rejected.length > 0) this.#noteRejections(answered.update, rejected);
    if (this.#has !== this.#feed.now || this.#scope?.hasNews) this.#catchUp();
  }

  /** It is over: nobody is to look for it any more. */
  close(): void {
    this.#scope?.close();
  }

  #catchUp(): void {
    const update = draftUpdate(this.#feed, this.hello.sidecar, this.#scope, this.#has.edition);
    if (update) this.#send(update);
    else this.#scope?.settle();
  }

  #send(update: Update): void {
    this.#scope?.settle();
    this.#inFlight = { update, brings: this.#feed.now, sentMs: this.#now() };
    this.#write(update.message);
  }

  #noteRejections({ keys }: Update, rejected: WireAck['rejected']): void {
    const noted = keys === null ? new Map<ResourceKey, Rejected>() : (this.#rejected ?? new Map());
    for (const key of keys ?? []) noted.delete(key);
    const sent = new Set(keys);
    for (const one of rejected) {
      const key: ResourceKey = `${one.key?.kind}/${one.key?.name}`;
      const isSent = keys === null ? this.#feed.latest(key) !== undefined : sent.has(key);
      if (isSent) noted.set(key, { ...one, error: cutText(one.error, longestError) });
    }
    this.#rejected = noted.size > 0 ? noted : null;
  }
}

/** The begin of a text that a peer sent. A slice would keep all of it in memory. */
function cutText(text: string, most: number): string {
  return text.length <= most ? text : Buffer.from(text.slice(0, most)).toString();
}

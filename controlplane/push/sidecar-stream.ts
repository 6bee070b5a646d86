/**
 * One sidecar's stream. At most one update is on its way; what changes until it is acknowledged is merged by key and goes
 * out with the next one. So a slow sidecar costs one update and one map of keys, and delays nobody.
 *
 *   offer(change) -> pending -- nothing in flight --> write(update) -> in flight -- ack --> pending -> ...
 */
import type { WireAck, WireHello, WireKey, WireUpdate } from '../../shared/discovery/discovery.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';

export type Rejected = { readonly key: WireKey; readonly revision: number; readonly error: string };

const longestError = 4_096;
const longestService = 253;
const longestVersion = 64;

type Pending = { readonly key: WireKey; readonly stored: StoredResource | null };
type InFlight = {
  readonly revision: number;
  readonly keys: readonly ResourceKey[];
  readonly isFull: boolean;
  readonly sentMs: number;
};

export class SidecarStream {
  readonly hello: WireHello;
  readonly peer: string;
  /** It took its instance out of the mesh, so it is about to end. */
  hasLeft = false;
  readonly #catalog: Catalog;
  readonly #write: (update: WireUpdate) => void;
  readonly #now: () => number;
  readonly #pending = new Map<ResourceKey, Pending>();
  readonly #rejected = new Map<ResourceKey, Rejected>();
  #inFlight: InFlight | null = null;
  #acked = 0;
  #updates = 0;

  constructor(
    hello: WireHello,
    peer: string,
    catalog: Catalog,
    write: (update: WireUpdate) => void,
    now: () => number,
  ) {
    const { sidecar, service, version } = hello;
    this.hello = {
      ...hello,
      sidecar,
      service: cutText(service, longestService),
      version: cutText(version, longestVersion),
    };
    this.peer = peer;
    this.#catalog = catalog;
    this.#write = write;
    this.#now = now;
  }

  /** Revision of the last update that was answered; 0 before the first. */
  get acked(): number {
    return this.#acked;
  }

  /** Updates sent so far. */
  get updates(): number {
    return this.#updates;
  }

  get rejected(): Iterable<Rejected> {
    return this.#rejected.values();
  }

  rejectionOf(key: ResourceKey): Rejected | undefined {
    return this.#rejected.get(key);
  }

  /** Milliseconds for which an update has been waiting for its answer; 0 when none is. */
  get waitingMs(): number {
    return this.#inFlight ? this.#now() - this.#inFlight.sentMs : 0;
  }

  /** Sends everything there is; the first message of a stream. */
  sendAll(): void {
    for (const stored of this.#catalog.all()) this.#queue(stored);
    this.#send(true);
  }

  offer({ changed, removed }: CatalogChange): void {
    for (const { kind, name } of removed) this.#pending.set(`${kind}/${name}`, { key: { kind, name }, stored: null });
    for (const stored of changed) this.#queue(stored);
    if (!this.#inFlight) this.#send(false);
  }

  /** Takes an answer; one that answers nothing is ignored. */
  ack({ revision, rejected }: WireAck): void {
    const answered = this.#inFlight;
    if (!answered || revision !== answered.revision) return;
    this.#inFlight = null;
    this.#acked = revision;
    if (answered.isFull) this.#rejected.clear();
    for (const key of answered.keys) this.#rejected.delete(key);
    const sent = new Set(answered.keys);
    for (const one of rejected) {
      const key: ResourceKey = `${one.key?.kind}/${one.key?.name}`;
      if (sent.has(key)) this.#rejected.set(key, { ...one, error: cutText(one.error, longestError) });
    }
    if (this.#pending.size > 0) this.#send(false);
  }

  #queue(stored: StoredResource): void {
    this.#pending.set(stored.key, { key: keyOf(stored), stored: stored.forSidecar(this.hello.sidecar) });
  }

  #send(full: boolean): void {
    const resources: WireUpdate['resources'] = [];
    const removed: WireKey[] = [];
    for (const { key, stored } of this.#pending.values())
      if (stored) resources.push({ key, revision: stored.revision, document: stored.document });
      else removed.push(key);
    const { revision } = this.#catalog;
    this.#inFlight = { revision, keys: [...this.#pending.keys()], isFull: full, sentMs: this.#now() };
    this.#pending.clear();
    this.#updates++;
    this.#write({ revision, full, resources, removed, mesh: '', services: [] });
  }
}

/** The begin of a text that a peer sent. A slice would keep all of it in memory. */
function cutText(text: string, most: number): string {
  return text.length <= most ? text : Buffer.from(text.slice(0, most)).toString();
}

function keyOf({ resource }: StoredResource): WireKey {
  return { kind: resource.kind, name: resource.name };
}

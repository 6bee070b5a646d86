/** Streams of sidecars on their way in: most are served at once, the ones that are held wait here for a decision. */
import type { Log } from '../../observability/logging/log.ts';
import type { WireHello } from '../../shared/discovery/discovery.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { messageOf } from '../message-of.ts';
import { meshKey, readMeshId } from '../store/mesh-id.ts';
import type { Store } from '../store/store.ts';
import { admissionOf, type Origin } from './admission-rule.ts';
import { acceptedKey, additionOf, hasOrigin, lostKey, originsOf } from './origins.ts';

const askAgainMs = 500;
/** A note that was not taken is tried again. */
const noteAgainMs = 5_000;

type Waiting = {
  readonly hello: Pick<WireHello, 'sidecar' | 'mesh' | 'revision'>;
  readonly admit: () => void;
  /** For people; null while the store has not said yet. */
  why: string | null;
};

export type HeldSidecars = { readonly since: string; readonly why: string; readonly sidecars: readonly string[] };

export class Admission {
  readonly #catalog: Catalog;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known = new Set<string>();
  readonly #waiting = new Set<Waiting>();
  readonly #unsubscribe: () => void;
  #heldSince: string | null = null;
  #isAsking = false;
  #timer: NodeJS.Timeout | undefined;
  /** What the store has lost and does not know that it has. */
  #unnoted: readonly Origin[] = [];
  #noteTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(catalog: Catalog, store: Store, clock: Clock, log: Log) {
    this.#catalog = catalog;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#noteMesh();
    this.#unsubscribe = catalog.subscribeMeta((key) => {
      if (key === meshKey) this.#noteMesh();
      if (key === meshKey || key === acceptedKey) for (const waiting of this.#waiting) this.#judge(waiting);
    });
  }

  /** Calls `admit` now, or once the sidecar is to be served; returns what takes it out before that. */
  enter(hello: Waiting['hello'], admit: () => void): () => void {
    const waiting: Waiting = { hello, admit, why: null };
    this.#waiting.add(waiting);
    this.#judge(waiting);
    return () => this.#leave(waiting);
  }

  /** Null when none is held. */
  get held(): HeldSidecars | null {
    const held = [...this.#waiting].filter(({ why }) => why !== null);
    if (held.length === 0 || this.#heldSince === null) return null;
    const why = [...new Set(held.map((waiting) => waiting.why))].join('; ');
    return { since: this.#heldSince, why, sidecars: held.map(({ hello }) => hello.sidecar).sort() };
  }

  /** Gives the sidecars that are held what the store has, here and at every other replica. False: try again. */
  async accept(): Promise<boolean> {
    const origins = new Map<string, number>();
    for (const { hello, why } of this.#waiting) {
      if (why === null) continue;
      // Of another mesh no revision says anything; of this one, none is to pass that is later than those looked at.
      const revision = this.#known.has(hello.mesh) ? hello.revision : Number.MAX_SAFE_INTEGER;
      origins.set(hello.mesh, Math.max(revision, origins.get(hello.mesh) ?? 0));
    }
    const accepted = [...origins].map(([mesh, revision]) => ({ mesh, revision }));
    const result = await this.#store.commit([additionOf(acceptedKey, accepted, this.#catalog.meta(acceptedKey))]);
    return result.ok;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#noteTimer);
    this.#unsubscribe();
    this.#waiting.clear();
  }

  #judge(waiting: Waiting): void {
    const verdict = admissionOf(waiting.hello, {
      known: this.#known,
      highestRevision: this.#catalog.highestRevision,
      accepted: originsOf(this.#catalog.meta(acceptedKey)),
      lost: originsOf(this.#catalog.meta(lostKey)),
    });
    if (verdict === 'serve') this.#admit(waiting);
    else if (verdict === 'ask') void this.#ask();
    else this.#hold(waiting, verdict.held);
  }

  /** One look at the store for all who wait for it. */
  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    let revision: number | null = null;
    try {
      ({ revision } = await this.#store.list(meshKey));
    } catch (error) {
      this.#log.warn('the store cannot say whether it has what sidecars have', { why: messageOf(error) });
    }
    this.#isAsking = false;
    if (this.#isClosed) return;
    if (revision === null) this.#timer = setTimeout(() => this.#judgeUndecided(), askAgainMs);
    else this.#answer(revision);
  }

  #judgeUndecided(): void {
    for (const waiting of this.#waiting) if (waiting.why === null) this.#judge(waiting);
  }

  #answer(revision: number): void {
    for (const waiting of this.#waiting) {
      const { hello, why } = waiting;
      if (why !== null) continue;
      if (hello.revision <= revision) this.#admit(waiting);
      else {
        this.#hold(waiting, `it has revision ${hello.revision}, and the store is at ${revision}: the store went back`);
        if (!hasOrigin(this.#unnoted, hello))
          this.#unnoted = [...this.#unnoted, { mesh: hello.mesh, revision: hello.revision }];
      }
    }
    void this.#noteLost();
  }

  /** For when the store has come to the same revision again, and for the other replicas. */
  async #noteLost(): Promise<void> {
    clearTimeout(this.#noteTimer);
    const before = this.#catalog.meta(lostKey);
    const known = originsOf(before);
    this.#unnoted = this.#unnoted.filter((one) => !hasOrigin(known, one));
    if (this.#unnoted.length === 0 || this.#isClosed) return;
    this.#noteTimer = setTimeout(() => void this.#noteLost(), noteAgainMs);
    const noted = this.#unnoted;
    try {
      const { ok } = await this.#store.commit([additionOf(lostKey, noted, before)]);
      if (ok) this.#unnoted = this.#unnoted.filter((one) => !noted.includes(one));
    } catch (error) {
      this.#log.warn('could not note which revisions the store has lost', { why: messageOf(error) });
    }
  }

  #admit(waiting: Waiting): void {
    this.#leave(waiting);
    waiting.admit();
  }

  #hold(waiting: Waiting, why: string): void {
    if (waiting.why === null)
      this.#log.warn('a sidecar keeps what it has until somebody decides; see meshlane holds', {
        sidecar: waiting.hello.sidecar,
        why,
      });
    waiting.why = why;
    this.#heldSince ??= new Date(this.#clock.wallMs()).toISOString();
  }

  #leave(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size === 0) this.#heldSince = null;
  }

  #noteMesh(): void {
    const mesh = readMeshId(this.#catalog.meta(meshKey));
    if (mesh !== '') this.#known.add(mesh);
  }
}

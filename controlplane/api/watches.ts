/**
 * `?watch=true`: the list, then every change of a kind, as server-sent events. What a reader has not taken yet is merged
 * by name, so that a slow one costs a map of names; one that takes nothing for 15 s is closed.
 */
import type { ServerResponse } from 'node:http';
import { type FastifyReply, plainProblem, sendProblem } from '../../shared/http/fastify.ts';
import type { Kind } from '../../shared/resources/resource.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';

const mostWatches = 1_000;
const heartbeatMs = 10_000;
const stuckMs = 15_000;
const sweepMs = 1_000;

class Watch {
  readonly #response: ServerResponse;
  readonly #kind: Kind;
  /** Names the reader knows, which tells `added` from `modified`. */
  readonly #known = new Set<string>();
  readonly #pending = new Map<string, StoredResource | null>();
  readonly #clock: Clock;
  #revision = 0;
  #isSynced = false;
  #lastTakenMs: number;
  #lastWrittenMs: number;

  constructor(response: ServerResponse, kind: Kind, catalog: Catalog, clock: Clock) {
    this.#response = response;
    this.#kind = kind;
    this.#clock = clock;
    this.#lastTakenMs = this.#lastWrittenMs = clock.monotonicMs();
    this.#revision = catalog.revision;
    for (const stored of catalog.sorted(kind)) this.#pending.set(stored.resource.name, stored);
    response.on('drain', () => this.#write());
    this.#write();
  }

  take({ revision, changed, removed }: CatalogChange): void {
    this.#revision = revision;
    for (const { kind, name } of removed) if (kind === this.#kind) this.#pending.set(name, null);
    for (const stored of changed)
      if (stored.resource.kind === this.#kind) this.#pending.set(stored.resource.name, stored);
    if (!this.#response.writableNeedDrain) this.#write();
  }

  /** Keeps the connection known to be alive, or ends it when nobody reads. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#response.writableNeedDrain) this.#lastTakenMs = nowMs;
    if (nowMs - this.#lastTakenMs > stuckMs) this.#response.destroy();
    else if (nowMs - this.#lastWrittenMs >= heartbeatMs && !this.#response.writableNeedDrain) this.#send(': alive\n\n');
  }

  end(): void {
    this.#response.end();
  }

  #write(): void {
    for (const [name, stored] of this.#pending) {
      this.#pending.delete(name);
      if (!this.#sendOne(name, stored)) return;
    }
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#send(`event: synced\nid: ${this.#revision}\ndata: {"revision":${this.#revision}}\n\n`);
  }

  /** False when the reader has to take something first. */
  #sendOne(name: string, stored: StoredResource | null): boolean {
    if (stored) {
      const event = this.#known.has(name) ? 'modified' : 'added';
      this.#known.add(name);
      return this.#send(`event: ${event}\nid: ${stored.revision}\ndata: ${stored.document.toString('utf8')}\n\n`);
    }
    if (!this.#known.delete(name)) return true;
    const data = JSON.stringify({ kind: this.#kind, name, revision: this.#revision });
    return this.#send(`event: removed\nid: ${this.#revision}\ndata: ${data}\n\n`);
  }

  #send(text: string): boolean {
    this.#lastWrittenMs = this.#clock.monotonicMs();
    return this.#response.write(text);
  }
}

/** All open watches. */
export class Watches {
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #open = new Set<Watch>();
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;

  constructor(catalog: Catalog, clock: Clock) {
    this.#catalog = catalog;
    this.#clock = clock;
    this.#unsubscribe = catalog.subscribe((change) => {
      for (const watch of this.#open) watch.take(change);
    });
    this.#timer = setInterval(() => {
      for (const watch of this.#open) watch.tick();
    }, sweepMs);
    this.#timer.unref();
  }

  get size(): number {
    return this.#open.size;
  }

  open(kind: Kind, reply: FastifyReply): FastifyReply {
    if (this.#open.size >= mostWatches)
      return sendProblem(reply, plainProblem(503, `more than ${mostWatches} watches are open; try again later`));
    reply.hijack();
    const response = reply.raw;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const watch = new Watch(response, kind, this.#catalog, this.#clock);
    this.#open.add(watch);
    response.once('close', () => this.#open.delete(watch));
    return reply;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unsubscribe();
    for (const watch of this.#open) watch.end();
  }
}

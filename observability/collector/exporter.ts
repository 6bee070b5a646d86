/**
 * Forwards trace requests to another OTLP endpoint. Whoever offers never waits: requests stand in a bounded queue, from
 * which one sender takes as many as fit into one message. (Requests are repeated fields, so the bytes of two of them,
 * one after the other, are one.) When the queue is full the oldest leave: after an outage the latest are worth most.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Clock, systemClock } from '../../shared/time/clock.ts';
import type { Delivery, ExportTarget } from './export-target.ts';

export type ExporterLimits = {
  readonly maxBatches: number;
  readonly maxBytes: number;
  /** How large a message may become by putting requests together. */
  readonly maxMessageBytes: number;
  /** A message that could not be delivered for so long is given up. */
  readonly giveUpMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMostMs: number;
  /** What is left of the queue at the end may take so long. */
  readonly flushMs: number;
};

export const defaultExporterLimits: ExporterLimits = {
  maxBatches: 2_000,
  maxBytes: 64 * 1024 * 1024,
  maxMessageBytes: 1024 * 1024,
  giveUpMs: 300_000,
  backoffBaseMs: 500,
  backoffMostMs: 30_000,
  flushMs: 3_000,
};

/** What became of the batches offered, counted since the start. */
export type ExporterCounts = {
  offered: number;
  sent: number;
  retries: number;
  /** Spans that the endpoint did not take out of a message that it took. */
  rejectedSpans: number;
  droppedQueueFull: number;
  droppedRefused: number;
  droppedGaveUp: number;
  droppedAtClose: number;
};

export type ExporterOptions = {
  readonly limits?: Partial<ExporterLimits>;
  readonly clock?: Clock;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
  /** Told when the endpoint stops and starts to take what is sent. */
  readonly onChange?: (text: string) => void;
};

export class SpanExporter {
  readonly target: ExportTarget;
  readonly counts: ExporterCounts = {
    offered: 0,
    sent: 0,
    retries: 0,
    rejectedSpans: 0,
    droppedQueueFull: 0,
    droppedRefused: 0,
    droppedGaveUp: 0,
    droppedAtClose: 0,
  };
  readonly #limits: ExporterLimits;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onChange: (text: string) => void;
  readonly #queue: Buffer[] = [];
  readonly #stop = new AbortController();
  #queuedBytes = 0;
  #isClosing = false;
  #sending: Promise<void> | null = null;
  #isFailing = false;

  constructor(target: ExportTarget, { limits, clock, random, onChange }: ExporterOptions = {}) {
    this.target = target;
    this.#limits = { ...defaultExporterLimits, ...limits };
    this.#clock = clock ?? systemClock;
    this.#random = random ?? Math.random;
    this.#onChange = onChange ?? (() => undefined);
  }

  get queuedBatches(): number {
    return this.#queue.length;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Takes one ExportTraceServiceRequest to be sent; returns at once. */
  offer(batch: Buffer): void {
    this.counts.offered++;
    if (this.#isClosing || batch.length > this.#limits.maxBytes) {
      if (this.#isClosing) this.counts.droppedAtClose++;
      else this.counts.droppedQueueFull++;
      return;
    }
    while (this.#queue.length >= this.#limits.maxBatches || this.#queuedBytes + batch.length > this.#limits.maxBytes) {
      this.#queuedBytes -= this.#queue.shift()!.length;
      this.counts.droppedQueueFull++;
    }
    this.#queue.push(batch);
    this.#queuedBytes += batch.length;
    this.#sending ??= this.#sendAll();
  }

  /** Sends what is left, for `flushMs` at the longest; the rest is dropped and counted. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const timer = setTimeout(() => this.#stop.abort(), this.#limits.flushMs);
    await this.#sending;
    clearTimeout(timer);
    this.counts.droppedAtClose += this.#queue.length;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    await this.target.close();
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0 && !this.#stop.signal.aborted) {
      const batches = this.#takeBatches();
      const taken = await this.#deliver(batches.length === 1 ? batches[0]! : Buffer.concat(batches), batches.length);
      if (taken || batches.length === 1) continue;
      // One of them may be what the endpoint does not like; the others should not suffer for it.
      for (const batch of batches) await this.#deliver(batch, 1);
    }
    this.#sending = null;
  }

  #takeBatches(): Buffer[] {
    const batches: Buffer[] = [];
    let size = 0;
    do {
      const batch = this.#queue.shift()!;
      this.#queuedBytes -= batch.length;
      size += batch.length;
      batches.push(batch);
    } while (this.#queue.length > 0 && size + this.#queue[0]!.length <= this.#limits.maxMessageBytes);
    return batches;
  }

  /** False when the endpoint refused several batches at once, and each should be tried alone. */
  async #deliver(body: Buffer, batchCount: number): Promise<boolean> {
    const { signal } = this.#stop;
    const giveUpAtMs = this.#clock.monotonicMs() + this.#limits.giveUpMs;
    for (let attempt = 0; ; attempt++) {
      const delivery: Delivery = signal.aborted
        ? { outcome: 'again', reason: 'closing', afterMs: 0 }
        : await this.target.send(body, signal);
      if (delivery.outcome === 'taken') {
        this.#tell(false, '');
        this.counts.sent += batchCount;
        this.counts.rejectedSpans += delivery.rejectedSpans;
        return true;
      }
      if (delivery.outcome === 'refused') {
        if (batchCount > 1) return false;
        this.#tell(true, delivery.reason);
        this.counts.droppedRefused++;
        return true;
      }
      if (signal.aborted) {
        this.counts.droppedAtClose += batchCount;
        return true;
      }
      this.#tell(true, delivery.reason);
      const delayMs = Math.max(delivery.afterMs, this.#backoffMs(attempt));
      if (this.#clock.monotonicMs() + delayMs > giveUpAtMs) {
        this.counts.droppedGaveUp += batchCount;
        return true;
      }
      this.counts.retries++;
      // An abort ends the wait early; the next turn of the loop sees it.
      await wait(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Full jitter: anything up to the exponential bound, so that many collectors do not come back in step. */
  #backoffMs(attempt: number): number {
    const { backoffBaseMs, backoffMostMs } = this.#limits;
    return this.#random() * Math.min(backoffMostMs, backoffBaseMs * 2 ** Math.min(attempt, 20));
  }

  #tell(isFailing: boolean, reason: string): void {
    if (isFailing === this.#isFailing) return;
    this.#isFailing = isFailing;
    this.#onChange(isFailing ? `${this.target.url} does not take spans: ${reason}` : `${this.target.url} takes spans`);
  }
}

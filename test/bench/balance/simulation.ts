type Event = { readonly atMs: number; readonly order: number; readonly run: () => void };

/** A discrete-event simulation: time jumps from one event to the next, so a minute takes as long as its events do. */
export class Simulation {
  nowMs = 0;
  /** A binary heap, the earliest at the front; those of the same moment in the order in which they were planned. */
  readonly #events: Event[] = [];
  #planned = 0;

  after(delayMs: number, run: () => void): void {
    const events = this.#events;
    const event = { atMs: this.nowMs + delayMs, order: this.#planned++, run };
    let at = events.push(event) - 1;
    while (at > 0 && isEarlier(event, events[(at - 1) >> 1]!)) {
      events[at] = events[(at - 1) >> 1]!;
      at = (at - 1) >> 1;
    }
    events[at] = event;
  }

  /** Runs everything that happens up to and at this moment. */
  runUntil(endMs: number): void {
    while (this.#events.length > 0 && this.#events[0]!.atMs <= endMs) {
      const { atMs, run } = this.#takeFirst();
      this.nowMs = atMs;
      run();
    }
    this.nowMs = endMs;
  }

  #takeFirst(): Event {
    const events = this.#events;
    const first = events[0]!;
    const last = events.pop()!;
    if (events.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isEarlier(events[child + 1]!, events[child]!)) child++;
      if (!isEarlier(events[child]!, last)) break;
      events[at] = events[child]!;
      at = child;
    }
    events[at] = last;
    return first;
  }
}

function isEarlier(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A time with this mean, as those between independent events are distributed; `random` gives unsigned 32-bit integers. */
export function exponentialMs(meanMs: number, random: () => number): number {
  return -Math.log((random() + 1) / 4_294_967_296) * meanMs;
}

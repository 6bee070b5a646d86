/**
 * One coarse timer for everything in a worker that can be late. A timer is an object of its owner, made once and armed
 * as often as needed; arming for a later moment than it already waits for only writes a number, because a timer that
 * comes up too early is put back (Varghese and Lauck 1987, scheme 6, with lazy cancellation).
 */
const slots = 512;

export class WheelTimer {
  /** Moment (monotonic ms) at which it fires; Infinity while it is off. */
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly onDeadline: () => void;
  /** Tick of the slot it is linked in; -1 when in none. */
  tick = -1;
  next: WheelTimer | null = null;
  previous: WheelTimer | null = null;

  constructor(onDeadline: () => void) {
    this.onDeadline = onDeadline;
  }
}

export class TimerWheel {
  readonly #tickMs: number;
  readonly #heads: (WheelTimer | null)[] = new Array<WheelTimer | null>(slots).fill(null);
  readonly #due: WheelTimer[] = [];
  #tick: number;
  #interval: NodeJS.Timeout | null = null;
  readonly #now: () => number;

  /** `tickMs` is the precision; a timer fires at most two ticks late and never early. */
  constructor(now: () => number, tickMs = 10) {
    this.#now = now;
    this.#tickMs = tickMs;
    this.#tick = Math.floor(now() / tickMs);
  }

  start(): void {
    this.#interval ??= setInterval(() => this.advance(), this.#tickMs);
  }

  stop(): void {
    if (this.#interval) clearInterval(this.#interval);
    this.#interval = null;
  }

  arm(timer: WheelTimer, deadlineMs: number): void {
    timer.deadlineMs = deadlineMs;
    const tick = Math.max(this.#tick + 1, Math.ceil(deadlineMs / this.#tickMs));
    if (timer.tick !== -1) {
      if (timer.tick <= tick) return;
      this.#unlink(timer);
    }
    this.#link(timer, tick);
  }

  disarm(timer: WheelTimer): void {
    timer.deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Takes the timer out at once, so that nothing holds its owner any more. */
  remove(timer: WheelTimer): void {
    timer.deadlineMs = Number.POSITIVE_INFINITY;
    if (timer.tick !== -1) this.#unlink(timer);
  }

  /** Fires what is due; called by the interval, or by a test. */
  advance(): void {
    const nowMs = this.#now();
    const until = Math.floor(nowMs / this.#tickMs);
    if (until - this.#tick > slots) this.#tick = until - slots;
    while (this.#tick < until) {
      this.#tick++;
      const due = this.#due;
      for (let timer = this.#heads[this.#tick % slots] ?? null; timer !== null; timer = timer.next)
        if (timer.tick <= this.#tick) due.push(timer);
      // A timer that fires may take out others, so the list is not walked while they do.
      for (let i = 0; i < due.length; i++) if (due[i]!.tick !== -1) this.#expire(due[i]!, nowMs);
      due.length = 0;
    }
  }

  #expire(timer: WheelTimer, nowMs: number): void {
    this.#unlink(timer);
    if (timer.deadlineMs <= nowMs) {
      timer.deadlineMs = Number.POSITIVE_INFINITY;
      timer.onDeadline();
    } else if (timer.deadlineMs !== Number.POSITIVE_INFINITY) {
      this.#link(timer, Math.max(this.#tick + 1, Math.ceil(timer.deadlineMs / this.#tickMs)));
    }
  }

  #link(timer: WheelTimer, tick: number): void {
    const slot = tick % slots;
    const head = this.#heads[slot] ?? null;
    timer.tick = tick;
    timer.previous = null;
    timer.next = head;
    if (head !== null) head.previous = timer;
    this.#heads[slot] = timer;
  }

  #unlink(timer: WheelTimer): void {
    if (timer.previous !== null) timer.previous.next = timer.next;
    else this.#heads[timer.tick % slots] = timer.next;
    if (timer.next !== null) timer.next.previous = timer.previous;
    timer.tick = -1;
    timer.next = null;
    timer.previous = null;
  }
}

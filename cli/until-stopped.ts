/** Waits for the end of a server. */
export type Stop = {
  /** Resolves at the first signal, or when `now` is called. */
  readonly promise: Promise<void>;
  /** Resolves at the second one: somebody is in a hurry. */
  readonly again: Promise<void>;
  now(): void;
};

/**
 * One wish to stop may arrive more than once: a terminal and `timeout` signal the whole process group, and the launcher,
 * which is in it, passes on what it gets. Nobody changes their mind in so short a time.
 */
const sameWishMs = 200;

/** Listens for the signals from now on. */
export function untilStopped(signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']): Stop {
  let firstMs: number | null = null;
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const now = () => {
    firstMs ??= performance.now();
    first.resolve();
  };
  const hear = () => {
    if (firstMs !== null && performance.now() - firstMs >= sameWishMs) second.resolve();
    now();
  };
  for (const signal of signals) process.on(signal, hear);
  return { promise: first.promise, again: second.promise, now };
}

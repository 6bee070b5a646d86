/** Waits for the end of a server. */
export type Stop = {
  /** Resolves at the first SIGTERM or SIGINT, or when `now` is called. */
  readonly promise: Promise<void>;
  /** Resolves at the second one: somebody is in a hurry. */
  readonly again: Promise<void>;
  now(): void;
};

/** Listens for the signals from now on. */
export function untilStopped(): Stop {
  let count = 0;
  let first: () => void = () => undefined;
  let second: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    first = resolve;
  });
  const again = new Promise<void>((resolve) => {
    second = resolve;
  });
  const now = () => (++count === 1 ? first() : second());
  process.on('SIGTERM', now);
  process.on('SIGINT', now);
  return { promise, again, now };
}

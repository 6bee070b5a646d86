/** Where the time comes from; an argument everywhere, so that tests can hold it. */
export type Clock = {
  /** Milliseconds that only grow; for durations and deadlines. */
  monotonicMs(): number;
  /** Milliseconds since the epoch; for time stamps that people and traces read. */
  wallMs(): number;
};

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => performance.timeOrigin + performance.now(),
};

import { setTimeout as wait } from 'node:timers/promises';

/**
 * Calls `attempt` until it returns something truthy, and returns that. A throw counts as "not yet".
 * Fails after `timeoutMs` (10 s) with the last error, or with the last value it saw; asks every `everyMs` (20 ms).
 */
export async function until<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 20, what = 'what was waited for' }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let last: { error: unknown } | { value: unknown };
  for (;;) {
    try {
      const value = await attempt();
      if (value) return value;
      last = { value };
    } catch (error) {
      last = { error };
    }
    if (performance.now() >= deadline) break;
    await wait(everyMs);
  }
  const seen =
    'error' in last ? `the last try failed: ${messageOf(last.error)}` : `the last try gave ${String(last.value)}`;
  throw new Error(`${what} did not come within ${timeoutMs} ms; ${seen}`, 'error' in last ? { cause: last.error } : {});
}

export type UntilOptions = {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** Names the thing in the error: `what did not come within 500 ms`. */
  readonly what?: string;
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import type { RuleBackend } from './rule.ts';

/** The service that takes a request which breakers keep from this backend; null when there is none. */
export function takeFallback({ fallback, stats }: RuleBackend, nowMs: number): RuleBackend | null {
  if (fallback === null) return null;
  stats.onFallback(fallback.cluster.service);
  fallback.budget.onRequest(nowMs);
  return fallback;
}

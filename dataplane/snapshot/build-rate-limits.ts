import type { RateLimit as RateLimitSpec } from '../../shared/resources/rate-limit.ts';
import { durationMs } from '../../shared/time/duration.ts';
import { limitKey } from '../filters/rate-limit/limit-key.ts';
import { RateLimit } from '../filters/rate-limit/rate-limit.ts';
import { type RateLimitLabels, RateLimitStats } from '../filters/rate-limit/rate-limit-stats.ts';
import { RateLimits } from '../filters/rate-limit/rate-limits.ts';
import type { CompileContext } from './compile.ts';

/** What all limits of a rule or service are counted under. */
type OwnerLabels = Omit<RateLimitLabels, 'limit' | 'shadow'>;

/** The limits of a rule or service; null where there are none. `owner` is told from all others of its direction. */
export function buildRateLimits(
  specs: readonly RateLimitSpec[] | undefined,
  owner: string,
  labels: OwnerLabels,
  context: CompileContext,
): RateLimits | null {
  if (specs === undefined || specs.length === 0) return null;
  const limits = specs.map((spec) => buildRateLimit(spec, owner, labels, context));
  return new RateLimits(limits, context.buckets);
}

function buildRateLimit(
  { name, requests, per, burst = requests, key = {}, shadow }: RateLimitSpec,
  owner: string,
  labels: OwnerLabels,
  { metrics, buckets }: CompileContext,
): RateLimit {
  const perMs = durationMs(per);
  const by = key.header !== undefined ? { header: key.header } : key.caller ? 'caller' : null;
  const identity = JSON.stringify([labels.direction, owner, name, requests, perMs, burst, by]);
  const stats = new RateLimitStats(metrics, { ...labels, limit: name, shadow: String(shadow) });
  const settings = { name, requests, perMs, burst, isShadow: shadow };
  return new RateLimit(identity, settings, by === null ? null : limitKey(by), buckets, stats);
}

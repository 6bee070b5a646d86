import { Breaker, type BreakerObserver } from '../../../dataplane/cluster/breaker/breaker.ts';
import type { BreakerSettings } from '../../../dataplane/cluster/breaker/breaker-settings.ts';
import { Changes } from '../../../dataplane/cluster/changes.ts';

export const breakerDefaults: BreakerSettings = {
  consecutiveFailures: Number.POSITIVE_INFINITY,
  successRate: null,
  openForMs: 100,
  maxOpenForMs: 1000,
  jitter: 0,
  probes: 1,
};

/** A breaker with these settings that tells whoever wants to know. */
export function breakerAt(
  settings: Partial<BreakerSettings>,
  {
    changes = new Changes(),
    random = () => 0,
    onTransition = () => undefined,
    onRetired = () => undefined,
  }: Partial<BreakerObserver> & { changes?: Changes; random?: () => number } = {},
): Breaker {
  return new Breaker({ ...breakerDefaults, ...settings }, { observer: { onTransition, onRetired }, changes, random });
}

import type { AnyResource } from '../../shared/resources/schema.ts';
import { durationMs } from '../../shared/time/duration.ts';

/**
 * The policies by which callers keep an idle connection for as long as the called side keeps it, or longer. Then both may
 * end it at once, and a request that is sent at that moment is lost (RFC 9112 §9.3.1, §9.5).
 */
export function policiesThatOutlast(
  keepAliveTimeout: string,
  resources: readonly AnyResource[],
): { policy: string; idleTimeout: string }[] {
  const keepAliveMs = unbounded(durationMs(keepAliveTimeout));
  const found: { policy: string; idleTimeout: string }[] = [];
  for (const resource of resources) {
    if (resource.kind !== 'Policy' || !resource.spec.connections) continue;
    const { idleTimeout } = resource.spec.connections;
    if (keepAliveMs !== Number.POSITIVE_INFINITY && unbounded(durationMs(idleTimeout)) >= keepAliveMs)
      found.push({ policy: resource.name, idleTimeout });
  }
  return found;
}

/** 0 is no bound. */
function unbounded(ms: number): number {
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}

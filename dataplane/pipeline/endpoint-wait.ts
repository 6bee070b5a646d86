import type { EndpointWaiter } from '../cluster/awaited-endpoints.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import type { Deadlines } from './deadlines.ts';
import type { RuleBackend } from './rule.ts';

/** A request to a service whose instances nobody has told of: it waits until somebody has. */

/** A control plane answers in milliseconds; a caller is told that it does not before the caller gives up. */
const mostScopeWaitMs = 2000;

/** The backend with the endpoints that were told of since its snapshot was made; null while they were not. */
export function knownBackend(backend: RuleBackend): RuleBackend | null {
  const cluster = backend.cluster.known;
  const tunnels = backend.tunnels.known;
  return cluster === null || tunnels === null ? null : { ...backend, cluster, tunnels };
}

/** Begins to wait; false when too many do. */
export function tryAwaitEndpoints(
  waiter: EndpointWaiter,
  { cluster, timeouts }: RuleBackend,
  deadlines: Deadlines,
  { awaited, now }: WorkerContext,
): boolean {
  if (!awaited.tryWait(cluster.service, waiter)) return false;
  deadlines.activeMs = now();
  deadlines.retryAtMs = deadlines.activeMs + mostScopeWaitMs;
  deadlines.arm(timeouts);
  return true;
}

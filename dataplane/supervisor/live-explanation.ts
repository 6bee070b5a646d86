import type { AnyResource } from '../../shared/resources/schema.ts';
import type { AskedRequest } from '../../shared/routing/explain/asked-request.ts';
import type { Explanation } from '../../shared/routing/explain/explanation.ts';
import { withLive } from '../../shared/routing/explain/with-live.ts';
import { explain } from '../../shared/routing/explain.ts';
import type { Workload } from '../../shared/routing/source.ts';
import type { WorkerPool } from './worker-pool.ts';

/** The configuration in force. */
type InForce = { readonly revision: number; readonly resources: readonly AnyResource[]; readonly workload: Workload };

/** What becomes of a request in this proxy, with what a worker sees of the endpoints; null while a change is on its way. */
export async function explainLive(
  request: AskedRequest,
  { revision, resources, workload }: InForce,
  pool: WorkerPool,
): Promise<Explanation | null> {
  const live = await pool.explain(request);
  if (live?.revision !== revision) return null;
  const explanation = explain(resources, request, workload);
  const name = explanation.matched?.name ?? null;
  if (name !== live.rule) throw new Error(`rule ${name} is explained, and the worker takes ${live.rule}`);
  return withLive(explanation, live, pool.metrics.length);
}

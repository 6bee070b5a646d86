import type { Mirror } from '../../shared/resources/mirror.ts';
import type { Backend } from '../../shared/resources/route.ts';
import { MirrorStats } from '../pipeline/mirror-stats.ts';
import { MirrorTarget } from '../pipeline/mirror-target.ts';
import type { RuleBackend } from '../pipeline/rule.ts';
import type { CompileContext } from './compile.ts';

/** How long a mirror may take, whatever its service allows: whoever hangs keeps its place no longer. */
const mostMs = 60_000;

/**
 * A step for each mirror of a rule. With one step for all, or the golden ratio by which a rule shares requests out, the
 * same requests would be drawn again and again, such as only those of one backend.
 */
const steps = [2, 3, 7, 11].map((prime) => Math.sqrt(prime) % 1);

/** Where copies of a rule's requests go. `backendOf` finds the backend of a service, which is not hedged; null when it is not there. */
export function compileMirrors(
  mirrors: readonly Mirror[],
  { route, name }: { route: string; name: string },
  backendOf: (backend: Backend) => RuleBackend | null,
  { metrics, random }: CompileContext,
): readonly MirrorTarget[] {
  return mirrors.flatMap(({ percent, compare, ...where }, i) => {
    const backend = percent === 0 ? null : backendOf({ ...where, weight: 1 });
    if (backend === null) return [];
    const share = { share: percent / 100, step: steps[i]!, start: (random() % 1000) / 1000 };
    const stats = new MirrorStats(metrics, { service: where.service, route });
    return [new MirrorTarget(`${name} (mirror)`, sentOnce(backend), share, compare, stats)];
  });
}

function sentOnce(backend: RuleBackend): RuleBackend {
  const { retry, timeouts } = backend;
  const { maxStreamMs } = timeouts;
  return {
    ...backend,
    retry: { ...retry, attempts: 0, onStale: false, grpcStatuses: new Set() },
    timeouts: { ...timeouts, maxStreamMs: maxStreamMs === 0 ? mostMs : Math.min(maxStreamMs, mostMs) },
  };
}

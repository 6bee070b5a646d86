import type { Issue } from '../errors/problem.ts';
import { durationMs, durationPattern } from '../time/duration.ts';
import type { RateLimit } from './rate-limit.ts';
import { listOf } from './resource.ts';
import type { AnyResource } from './schema.ts';

const secondMs = 1000;
const dayMs = 86_400_000;
const duration = new RegExp(durationPattern);

/** Faults of a route's or policy's rate limits that no schema can see. The resource may be one that its schema refused. */
export function rateLimitFaults(resource: AnyResource): Issue[] {
  if (resource.kind === 'Policy') return listFaults(resource.spec?.rateLimits, '/spec/rateLimits');
  if (resource.kind !== 'Route') return [];
  return listOf(resource.spec?.rules).flatMap((rule, r) => listFaults(rule?.rateLimits, `/spec/rules/${r}/rateLimits`));
}

function listFaults(limits: readonly (Partial<RateLimit> | null)[] | undefined, pointer: string): Issue[] {
  const names = new Set<string>();
  return listOf(limits).flatMap((limit, i) => {
    const { name, ...rate } = limit ?? {};
    const issues = timeFaults(rate, `${pointer}/${i}`);
    if (name === undefined) return issues;
    if (names.has(name))
      issues.push({ pointer: `${pointer}/${i}/name`, message: `"${name}" is the name of a limit before it` });
    names.add(name);
    return issues;
  });
}

function timeFaults({ requests, per, burst }: Partial<RateLimit>, pointer: string): Issue[] {
  if (typeof per !== 'string' || !duration.test(per)) return [];
  const perMs = durationMs(per);
  if (perMs < secondMs || perMs > dayMs || perMs % secondMs !== 0)
    return [{ pointer: `${pointer}/per`, message: `must be whole seconds, 1s to 24h; got ${per}` }];
  if (burst === undefined || requests === undefined || (burst * perMs) / requests <= dayMs) return [];
  return [{ pointer: `${pointer}/burst`, message: `takes longer than 24h to come back at ${requests} per ${per}` }];
}

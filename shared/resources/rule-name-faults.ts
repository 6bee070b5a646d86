import type { Issue } from '../errors/problem.ts';
import { listOf } from './resource.ts';
import type { RouteResource } from './schema.ts';

/**
 * Rules of one route that are called alike, be it by the place that stands for a name: they would share a breaker, the buckets
 * of their rate limits, and what is known of their latency. The route may be one that its schema refused.
 */
export function ruleNameFaults(route: Partial<RouteResource>): Issue[] {
  const names = new Map<string, number>();
  const issues: Issue[] = [];
  for (const [r, rule] of listOf(route.spec?.rules).entries()) {
    const name = rule?.name ?? String(r);
    const before = names.get(name);
    if (before === undefined) names.set(name, r);
    else issues.push({ pointer: `/spec/rules/${r}/name`, message: `"${name}" is what rule ${before} is called` });
  }
  return issues;
}

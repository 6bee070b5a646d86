import type { RouteRule } from '../resources/route.ts';
import type { RouteMatch } from '../resources/route-match.ts';
import type { RouteResource } from '../resources/schema.ts';
import type { RouteEntry } from './candidate.ts';
import { isFor, type Workload } from './source.ts';

const matchesAll: readonly RouteMatch[] = [{}];

/** What stands in place of a route in the name of the rule that a service has by itself. */
export const routeOfService = '(service)';

/** A rule's name in metrics and traces. */
export function ruleName(route: string, { name }: RouteRule, index: number): string {
  return `${route}/${name ?? index}`;
}

/** The rule of a service that no route is written for. */
export function ruleOfService(service: string): RouteRule {
  return { matches: [], backends: [{ service, weight: 1 }] };
}

/** The matches of a rule; one that matches everything when it names none. */
export function matchesOf(matches: readonly RouteMatch[]): readonly RouteMatch[] {
  return matches.length > 0 ? matches : matchesAll;
}

/**
 * What routes come to for the requests of one workload, or of all of them where it is null: an entry for each match that
 * is for it. A rule is compiled once, and only if one of its matches is.
 */
export function routeEntries<Rule>(
  routes: Iterable<RouteResource>,
  workload: Workload | null,
  compile: (route: RouteResource, rule: RouteRule, index: number) => Rule,
): RouteEntry<Rule>[] {
  const entries: RouteEntry<Rule>[] = [];
  for (const route of routes) {
    const { hostnames, rules } = route.spec;
    let place = 0;
    rules.forEach((rule, index) => {
      const first = place;
      const matches = matchesOf(rule.matches);
      place += matches.length;
      const own = [...matches.entries()].filter(([, { source }]) => workload === null || isFor(source, workload));
      if (own.length === 0) return;
      const facts = {
        hostnames,
        rule: compile(route, rule, index),
        created: route.status?.created ?? 0,
        name: route.name,
      };
      for (const [m, match] of own) entries.push({ ...facts, match, place: first + m });
    });
  }
  return entries;
}

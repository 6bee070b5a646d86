import type { PathMatch } from '../../../shared/resources/route-match.ts';
import type { RouteEntry } from '../../../shared/routing/candidate.ts';
import { PathTemplate } from '../../../shared/routing/path-template.ts';
import { byAge, byConditions, byFields, byNames, byPattern } from '../../../shared/routing/precedence.ts';

const stores = ['grpc', 'exact', 'template', 'pattern', 'prefix'] as const;
type Store = (typeof stores)[number];
type Order = (a: RouteEntry<unknown>, b: RouteEntry<unknown>) => number;

const anyPath: PathMatch = { type: 'PathPrefix', value: '/' };

const orders: Readonly<Record<Store, Order>> = {
  grpc: (a, b) => byNames(a, b) || byFields(a, b) || byPattern(a, b) || byAge(a, b),
  exact: byConditions,
  template: (a, b) => templateOf(a).compare(templateOf(b)) || byConditions(a, b),
  pattern: byConditions,
  prefix: (a, b) => prefixLength(b) - prefixLength(a) || byConditions(a, b),
};

/** The matches of one host in an order in which the first that holds is the one that our proxies find (`HostRoutes`). */
export function inOrder<Rule>(entries: readonly RouteEntry<Rule>[]): RouteEntry<Rule>[] {
  const byStore = Object.groupBy(entries, storeOf);
  return stores.flatMap((store) => (byStore[store] ?? []).sort(orders[store]));
}

function storeOf({ match }: RouteEntry<unknown>): Store {
  if (match.grpc) return 'grpc';
  switch (match.path?.type ?? 'PathPrefix') {
    case 'Exact':
      return 'exact';
    case 'Template':
      return 'template';
    case 'RegularExpression':
      return 'pattern';
    case 'PathPrefix':
      return 'prefix';
  }
}

function templateOf({ match }: RouteEntry<unknown>): PathTemplate {
  return new PathTemplate(match.path!.value);
}

/** `/shop/` is the same prefix as `/shop`. */
function prefixLength({ match: { path = anyPath } }: RouteEntry<unknown>): number {
  return path.value.replace(/\/$/, '').length;
}

import { deepStrictEqual } from 'node:assert/strict';
import type { RouteSpec } from '../../../shared/resources/route.ts';
import type { RouteEntry } from '../../../shared/routing/candidate.ts';
import type { RequestView } from '../../../shared/routing/request-view.ts';
import { matchesOf } from '../../../shared/routing/route-entries.ts';
import { RouteTable } from '../../../shared/routing/route-table.ts';
import { benchDocuments } from '../mesh-config.ts';
import type { Stage } from './stage.ts';

export const stage: Stage = {
  name: 'route-match',
  what: 'find the rule of a request among the 20 routes of the bench',
  plain: 'look at every rule, sort what fits',
  prepare() {
    const entries = benchEntries();
    const table = new RouteTable(entries);
    const find = (view: RequestView) => (table.named(view.host) ?? table.any)?.match(view) ?? null;
    return {
      check() {
        const found = views.map((view) => find(view));
        deepStrictEqual(
          found,
          views.map((view) => findPlain(entries, view)),
        );
        deepStrictEqual(found[0], 'catalog/item');
        deepStrictEqual(found.at(-1), null, 'nothing is written for an unknown host');
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += find(views[i & 7]!)?.length ?? 1;
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += findPlain(entries, views[i & 7]!)?.length ?? 1;
        return sum;
      },
    };
  },
};

const view = (host: string, path: string, method = 'GET', canary: string | null = null): RequestView => ({
  method,
  host,
  path,
  query: '',
  header: (name) => (name === 'x-canary' ? canary : null),
});

const views: readonly RequestView[] = [
  view('catalog', '/api/items/42'),
  view('catalog', '/api/items'),
  view('catalog', '/api/items/42', 'POST'),
  view('catalog.shop.example', '/api/items', 'GET', 'always'),
  view('catalog', '/pages/about/us'),
  view('stock', '/v1/levels/7/eu/north'),
  view('accounts.shop.example', '/'),
  view('nobody', '/v1'),
];

/** The routes of the bench's mesh, as the compiler enters them. */
function benchEntries(): RouteEntry<string>[] {
  const documents = benchDocuments({ outbound: 1, admin: 2, origin: 3, spans: 4 });
  return documents
    .filter(({ kind }) => kind === 'Route')
    .flatMap(({ name, spec }) => {
      const { hostnames, rules } = spec as RouteSpec;
      return rules.flatMap((rule, index) =>
        matchesOf(rule.matches ?? []).map((match, place) => ({
          hostnames,
          match,
          rule: `${name}/${rule.name ?? index}`,
          created: 0,
          name,
          place: index * 100 + place,
        })),
      );
    });
}

function findPlain(entries: readonly RouteEntry<string>[], request: RequestView): string | null {
  const fitting = entries.filter(({ hostnames, match }) => {
    if (!hostnames.includes(request.host)) return false;
    if (match.method !== undefined && match.method !== request.method) return false;
    if (match.headers?.some(({ name, value }) => request.header(name) !== value)) return false;
    const { type = 'PathPrefix', value = '/' } = match.path ?? {};
    if (type === 'Exact') return value === request.path;
    return value === '/' || request.path === value || request.path.startsWith(`${value}/`);
  });
  // Gateway API: exact path, longest prefix, method, number of header fields, place.
  fitting.sort(
    ({ match: a, place: placeA }, { match: b, place: placeB }) =>
      Number(b.path?.type === 'Exact') - Number(a.path?.type === 'Exact') ||
      (b.path?.value ?? '/').length - (a.path?.value ?? '/').length ||
      Number(b.method !== undefined) - Number(a.method !== undefined) ||
      (b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
      placeA - placeB,
  );
  return fitting[0]?.rule ?? null;
}

import { errorTable } from '../../errors/error-table.ts';
import { sectionOf } from '../../resources/filters/filter-sections.ts';
import type { RouteRule } from '../../resources/route.ts';
import type { AnyResource } from '../../resources/schema.ts';
import type { RouteEntry } from '../candidate.ts';
import { routeEntries, routeOfService, ruleName, ruleOfService } from '../route-entries.ts';
import { RouteTable } from '../route-table.ts';
import { isFor, type Workload } from '../source.ts';
import { type AskedRequest, viewOf } from './asked-request.ts';
import type { Explanation, HostChoice } from './explanation.ts';
import { chooseHost } from './host-choice.ts';

/** A rule with the name that metrics and traces have for it. */
export type NamedRule = { readonly name: string; readonly rule: RouteRule };
export type Entry = RouteEntry<NamedRule>;

/** What the search for a rule came to. */
export type Found = {
  readonly host: HostChoice;
  /** The match that was taken; null where it is a service by its name, or nothing. */
  readonly winner: Entry | null;
  readonly rule: NamedRule | null;
};

type Routes = { readonly table: RouteTable<Entry>; readonly hostnames: ReadonlySet<string> };

/** Finds rules by the same table that the proxies match with, which is built once for each kind of caller. */
export class RouteFinder {
  readonly written: readonly Entry[];
  readonly services: ReadonlySet<string>;
  readonly #byCaller = new Map<string, Routes>();
  /** Some match asks who calls. */
  readonly #isCallerAsked: boolean;

  constructor(resources: readonly AnyResource[]) {
    const routes = resources.filter((resource) => resource.kind === 'Route');
    this.written = routeEntries(routes, null, ({ name }, rule, index) => ({ name: ruleName(name, rule, index), rule }));
    this.services = new Set(resources.filter(({ kind }) => kind === 'Service').map(({ name }) => name));
    this.#isCallerAsked = this.written.some(({ match }) => match.source !== undefined);
  }

  find(request: AskedRequest, caller: Workload): Found {
    const { table, hostnames } = this.#routesFor(caller);
    const routes = table.named(request.host) ?? table.any;
    const winner = routes?.match(viewOf(request)) ?? null;
    const isService = routes === null && this.services.has(request.host);
    const service = isService ? { name: routeOfService, rule: ruleOfService(request.host) } : null;
    return { host: chooseHost(request.host, hostnames, isService), winner, rule: winner?.rule ?? service };
  }

  #routesFor(caller: Workload): Routes {
    const key = this.#isCallerAsked ? JSON.stringify(caller) : '';
    const known = this.#byCaller.get(key);
    if (known) return known;
    const own = this.written.filter(({ match }) => isFor(match.source, caller));
    const table = new RouteTable(own.map((entry) => ({ ...entry, rule: entry })));
    const routes = { table, hostnames: new Set(own.flatMap((entry) => entry.hostnames)) };
    this.#byCaller.set(key, routes);
    return routes;
  }
}

/** What a proxy answers by itself where this rule holds; null when the request goes to a backend. */
export function replyOf(
  rule: NamedRule | null,
  backends: readonly { readonly weight: number; readonly isThere: boolean }[],
): Explanation['reply'] {
  const redirect = sectionOf(rule?.rule.filters, 'requestRedirect');
  if (redirect) return { code: 'redirected', status: redirect.statusCode };
  const direct = sectionOf(rule?.rule.filters, 'directResponse');
  if (direct) return { code: 'direct_response', status: direct.status };
  if (rule !== null && backends.some(({ weight, isThere }) => weight > 0 && isThere)) return null;
  const code = rule === null ? 'route_not_found' : 'no_backend';
  return { code, status: errorTable[code].http };
}

import { errorTable } from '../errors/error-table.ts';
import type { Backend, RouteRule } from '../resources/route.ts';
import type { AnyResource } from '../resources/schema.ts';
import type { RouteEntry } from './candidate.ts';
import { type AskedRequest, viewOf } from './explain/asked-request.ts';
import { explainBackend } from './explain/explain-backend.ts';
import type { ExplainedBackend, ExplainedRule, Explanation, HostChoice } from './explain/explanation.ts';
import { chooseHost, standsFor } from './explain/host-choice.ts';
import { matchInWords, sourceInWords } from './explain/match-words.ts';
import { whyBehind, whyNot } from './explain/why-lost.ts';
import { routeEntries, routeOfService, ruleName, ruleOfService } from './route-entries.ts';
import { RouteTable } from './route-table.ts';
import { isFor, type Workload } from './source.ts';

/** A rule with the name that metrics and traces have for it. */
type NamedRule = { readonly name: string; readonly rule: RouteRule };
type Entry = RouteEntry<NamedRule>;

/** What the search for a rule came to. */
type Found = {
  readonly host: HostChoice;
  /** The match that was taken; null where it is a service by its name, or nothing. */
  readonly winner: Entry | null;
  readonly rule: NamedRule | null;
};

/**
 * Says what becomes of a request and why. The rule is found by the same table that the proxies match with; why the others
 * lost is asked of that table condition by condition, and of what it sorts by.
 */
export function explain(resources: readonly AnyResource[], request: AskedRequest, caller: Workload): Explanation {
  const routes = resources.filter((resource) => resource.kind === 'Route');
  const written = routeEntries(routes, null, ({ name }, rule, index) => ({ name: ruleName(name, rule, index), rule }));
  const found = find(written, resources, request, caller);
  const { host, winner, rule } = found;
  const backends = (rule?.rule.backends ?? []).map((backend) => explainOne(backend, rule!.rule, resources));
  return {
    request,
    caller,
    host,
    matched: rule && { name: rule.name, match: matchInWords(winner?.match ?? {}) },
    others: written
      .filter((entry) => entry.rule !== rule && entry.hostnames.some((name) => standsFor(name, request.host)))
      .map((entry) => ({ ...inWords(entry), why: whyLost(entry, found, request, caller) })),
    reply: replyOf(rule, backends),
    more: rule === null ? {} : moreOf(rule.rule),
    backends,
    live: null,
  };
}

function find(written: Entry[], resources: readonly AnyResource[], request: AskedRequest, caller: Workload): Found {
  const own = written.filter(({ match }) => isFor(match.source, caller));
  const table = new RouteTable(own.map((entry) => ({ ...entry, rule: entry })));
  const routes = table.named(request.host) ?? table.any;
  const winner = routes?.match(viewOf(request)) ?? null;
  const isService = routes === null && resources.some(({ kind, name }) => kind === 'Service' && name === request.host);
  const service = isService ? { name: routeOfService, rule: ruleOfService(request.host) } : null;
  const hostnames = new Set(own.flatMap((entry) => entry.hostnames));
  return { host: chooseHost(request.host, hostnames, isService), winner, rule: winner?.rule ?? service };
}

function whyLost(entry: Entry, { host, winner }: Found, request: AskedRequest, caller: Workload): string {
  const { match, hostnames } = entry;
  if (match.source && !isFor(match.source, caller)) return sourceInWords(match.source);
  if (host.routes !== null && !hostnames.includes(host.routes)) {
    const names = hostnames.filter((name) => standsFor(name, request.host)).join(' and ');
    return `it is for ${names}, and routes for ${host.routes} come first`;
  }
  return whyNot(match, viewOf(request)) ?? whyBehind(winner!, entry); // what holds has lost to another that does
}

function inWords({ rule, match }: Entry): ExplainedRule {
  return { name: rule.name, match: matchInWords(match) };
}

function explainOne(backend: Backend, rule: RouteRule, resources: readonly AnyResource[]): ExplainedBackend {
  const { service: name } = backend;
  return explainBackend(backend, rule, {
    service: resources.filter((one) => one.kind === 'Service').find((one) => one.name === name),
    instances: resources.filter((one) => one.kind === 'Instance').filter(({ spec }) => spec.service === name),
    policies: resources
      .filter((one) => one.kind === 'Policy')
      .filter(({ spec }) => spec.targets.some((target) => target.name === name))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  });
}

function replyOf(rule: NamedRule | null, backends: readonly ExplainedBackend[]): Explanation['reply'] {
  if (rule !== null && backends.some(({ weight, isThere }) => weight > 0 && isThere)) return null;
  const code = rule === null ? 'route_not_found' : 'no_backend';
  return { code, status: errorTable[code].http };
}

function moreOf({ name, matches, backends, timeouts, retry, ...more }: RouteRule): Record<string, unknown> {
  return more;
}

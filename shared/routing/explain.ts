import type { Backend, RouteRule } from '../resources/route.ts';
import type { AnyResource } from '../resources/schema.ts';
import { type AskedRequest, viewOf } from './explain/asked-request.ts';
import { explainBackend } from './explain/explain-backend.ts';
import type { ExplainedBackend, ExplainedRule, Explanation } from './explain/explanation.ts';
import { standsFor } from './explain/host-choice.ts';
import { matchInWords, sourceInWords } from './explain/match-words.ts';
import { type Entry, type Found, RouteFinder, replyOf } from './explain/route-finder.ts';
import { whyBehind, whyNot } from './explain/why-lost.ts';
import { isFor, type Workload } from './source.ts';

/**
 * Says what becomes of a request and why. The rule is found by the same table that the proxies match with; why the others
 * lost is asked of that table condition by condition, and of what it sorts by.
 */
export function explain(resources: readonly AnyResource[], request: AskedRequest, caller: Workload): Explanation {
  const finder = new RouteFinder(resources);
  const found = finder.find(request, caller);
  const { host, winner, rule } = found;
  const backends = (rule?.rule.backends ?? []).map((backend) => explainOne(backend, rule!.rule, resources));
  return {
    request,
    caller,
    host,
    matched: rule && { name: rule.name, match: matchInWords(winner?.match ?? {}) },
    others: finder.written
      .filter((entry) => entry.rule !== rule && entry.hostnames.some((name) => standsFor(name, request.host)))
      .map((entry) => ({ ...inWords(entry), why: whyLost(entry, found, request, caller) })),
    reply: replyOf(rule, backends),
    more: rule === null ? {} : moreOf(rule.rule),
    backends,
    live: null,
  };
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

function moreOf({ name, matches, backends, timeouts, retry, ...more }: RouteRule): Record<string, unknown> {
  return more;
}

import type { RouteResource } from '../../../shared/resources/schema.ts';
import type { RouteEntry } from '../../../shared/routing/candidate.ts';
import { routeOfService, ruleName, ruleOfService } from '../../../shared/routing/route-entries.ts';
import type { Message } from '../codec.ts';
import type { ClientKind } from './client-kind.ts';
import { fieldMatches, NoEqual } from './field-matches.ts';
import type { MeshConfig } from './mesh-config.ts';
import { pathMatches } from './path-matches.ts';
import { inOrder } from './route-order.ts';
import { ruleAction } from './rule-action.ts';
import type { RuleOrigin } from './rule-origin.ts';
import type { Translation } from './translation.ts';
import { wrapped } from './values.ts';

/** The longest body that a route may answer with, which is more than Envoy takes unasked. */
const longestBody = 65_536;

/** RDS: some hosts and the routes of each. */
export function routeConfiguration(name: string, hosts: readonly Message[]): Message {
  return {
    name,
    virtual_hosts: hosts,
    ignore_port_in_host_matching: true,
    max_direct_response_body_size_bytes: wrapped(longestBody),
  };
}

/** The routes of the entries of one host, for requests to `domain`. */
export function virtualHost(
  domain: string,
  entries: readonly RouteEntry<RuleOrigin>[],
  config: MeshConfig,
  client: ClientKind,
  into: Translation,
): Message {
  return {
    name: domain,
    domains: [domain],
    routes: inOrder(entries).flatMap((entry) => routesOf(entry, config, client, into)),
  };
}

/** What stands for a host that no route is written for: the service of that name. */
export function entryOfService(service: string): RouteEntry<RuleOrigin> {
  const rule = { route: null, rule: ruleOfService(service), index: 0 };
  return { hostnames: [service], match: {}, rule, created: 0, name: service, place: 0 };
}

function routesOf(
  entry: RouteEntry<RuleOrigin>,
  config: MeshConfig,
  client: ClientKind,
  into: Translation,
): readonly Message[] {
  const { route, rule, index } = entry.rule;
  if (route) into.use(route);
  const paths = pathMatches(entry.match);
  if (typeof paths === 'string') return leaveOut(entry, paths, into);
  const conditions = conditionsOf(entry, client);
  if (typeof conditions === 'string') return leaveOut(entry, conditions, into);
  return paths.map((path) => ({
    name: route ? ruleName(route.name, rule, index) : routeOfService,
    match: { ...path.match, ...conditions },
    ...ruleAction(entry.rule, path, config, client, into),
  }));
}

function conditionsOf({ match }: RouteEntry<RuleOrigin>, client: ClientKind): Message | string {
  try {
    return fieldMatches(match, client);
  } catch (error) {
    if (error instanceof NoEqual) return error.message;
    throw error;
  }
}

function leaveOut({ rule, match }: RouteEntry<RuleOrigin>, why: string, into: Translation): readonly Message[] {
  const { route, index } = rule;
  if (route) into.leaveOut(route, pointerOf(route, index, match), `the match is left out: ${why}`);
  return [];
}

function pointerOf(route: RouteResource, index: number, match: RouteEntry<RuleOrigin>['match']): string {
  return `/spec/rules/${index}/matches/${route.spec.rules[index]!.matches.indexOf(match)}`;
}

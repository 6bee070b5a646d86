import { parseCidr } from '../discovery/cidr.ts';
import type { Issue, Parsed } from '../errors/problem.ts';
import { matchFaults } from '../routing/match-faults.ts';
import { balancingFaults } from './balancing-faults.ts';
import { checkSchema, show } from './check-schema.ts';
import { filterFaults } from './filters/filter-faults.ts';
import type { ProxyListener } from './proxy.ts';
import { rateLimitFaults } from './rate-limit-faults.ts';
import { type Kind, kinds, listOf } from './resource.ts';
import { noRollout, rolloutFaults } from './rollout-faults.ts';
import { ruleNameFaults } from './rule-name-faults.ts';
import {
  type AnyResource,
  documentSchemas,
  isKind,
  type PolicyResource,
  type ProxyDocument,
  type RouteResource,
} from './schema.ts';

/**
 * Reads an untrusted document as one of the resource kinds: defaults are filled in and every fault is reported, those of
 * a route's matches too when the rest is faulty.
 */
export function readResource(input: unknown): Parsed<AnyResource> {
  const kind = (input as { kind?: unknown } | null)?.kind;
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { ok: false, issues: [{ pointer: '', message: 'must be an object with kind, name and spec' }] };
  if (!isKind(kind))
    return {
      ok: false,
      issues: [{ pointer: '/kind', message: `must be one of ${kinds.join(', ')}; got ${show(kind)}` }],
    };
  const document: unknown = structuredClone(input);
  const issues = faultsOf(kind, document);
  if (kind === 'Route')
    issues.push(
      ...checkMatches(document as RouteResource),
      ...checkFilters(document as RouteResource),
      ...ruleNameFaults(document as RouteResource),
    );
  if (kind === 'Policy') issues.push(...balancingFaults(document as PolicyResource));
  issues.push(...rateLimitFaults(document as AnyResource), ...rolloutFaults(document as AnyResource));
  return issues.length === 0 ? { ok: true, value: document as AnyResource } : { ok: false, issues };
}

/** Reads the `Proxy` document of a static file. */
export function readProxy(input: unknown): Parsed<ProxyDocument> {
  const document: unknown = structuredClone(input);
  const issues = [
    ...faultsOf('Proxy', document),
    ...checkListenerServices(document as ProxyDocument),
    ...checkAddressRanges(document as ProxyDocument),
    ...checkTunnels(document as ProxyDocument),
  ];
  return issues.length === 0 ? { ok: true, value: document as ProxyDocument } : { ok: false, issues };
}

/** Which listeners have a service for bytes that are no HTTP, and which must have one. */
function checkListenerServices(proxy: Partial<ProxyDocument> | null): Issue[] {
  return listOf(proxy?.spec?.listeners).flatMap((listener, i) => {
    const message = serviceFault(listener);
    return message === null ? [] : [{ pointer: `/spec/listeners/${i}/service`, message }];
  });
}

function serviceFault(listener: Partial<ProxyListener> | null): string | null {
  const { protocol, direction, service } = listener ?? {};
  if (service === undefined)
    return protocol === 'tcp' && direction === 'outbound'
      ? 'is required for protocol tcp: name the service that all connections go to'
      : null;
  if (direction === 'inbound') return 'only outbound listeners have one; inbound ones send everything to appPort';
  return protocol === 'http1' || protocol === 'http2'
    ? `a listener of protocol ${protocol} carries nothing else; take auto or tcp`
    : null;
}

function checkTunnels(proxy: Partial<ProxyDocument> | null): Issue[] {
  return listOf(proxy?.spec?.listeners).flatMap((listener, i) =>
    listener?.connect === true && listener.direction === 'inbound'
      ? [{ pointer: `/spec/listeners/${i}/connect`, message: 'only outbound listeners take CONNECT' }]
      : [],
  );
}

function checkAddressRanges(proxy: Partial<ProxyDocument> | null): Issue[] {
  return listOf(proxy?.spec?.listeners).flatMap((listener, i) =>
    (['trusted', 'application'] as const).flatMap((list) =>
      listOf(listener?.forwarding?.[list]).flatMap((range, r) =>
        typeof range === 'string' && parseCidr(range) === null
          ? [
              {
                pointer: `/spec/listeners/${i}/forwarding/${list}/${r}`,
                message: `${show(range)} is not an IP address or range, such as 10.0.0.0/8 or 2001:db8::/32`,
              },
            ]
          : [],
      ),
    ),
  );
}

/** Checks a document against its schema and fills in the defaults. */
function faultsOf(kind: Kind | 'Proxy', document: unknown): Issue[] {
  const issues: Issue[] = [];
  checkSchema(documentSchemas[kind], document, '', issues);
  if (kind !== 'Instance') return issues;
  return issues.map((issue) => (issue.pointer === '/rollout' ? { ...issue, message: noRollout } : issue));
}

/** Walks what may be a broken document, so nothing is taken for granted. */
function checkMatches(route: Partial<RouteResource>): Issue[] {
  return listOf(route.spec?.rules).flatMap((rule, r) =>
    listOf(rule?.matches).flatMap((match, m) => matchFaults(match, `/spec/rules/${r}/matches/${m}`)),
  );
}

function checkFilters(route: Partial<RouteResource>): Issue[] {
  return listOf(route.spec?.rules).flatMap((rule, r) => filterFaults(rule, `/spec/rules/${r}`));
}

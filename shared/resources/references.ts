import type { Issue } from '../errors/problem.ts';
import { type Kind, listOf, policySections, type ResourceKey } from './resource.ts';
import type { RouteRule } from './route.ts';
import { type AnyResource, documentSchemas, type PolicyResource, type ProxyDocument } from './schema.ts';

/** The set of resources a check is made against: what is stored, with the change already laid over it. */
export type ResourceSet = {
  get(key: ResourceKey): AnyResource | undefined;
  list(kind: Kind): Iterable<AnyResource>;
};

/** The policies of each service, looked up once for many checks against the same set, and only if one asks. */
export class PolicyIndex {
  readonly #set: ResourceSet;
  #byService: Map<string, PolicyResource[]> | null = null;

  constructor(set: ResourceSet) {
    this.#set = set;
  }

  of(service: string): readonly PolicyResource[] {
    this.#byService ??= this.#read();
    return this.#byService.get(service) ?? [];
  }

  #read(): Map<string, PolicyResource[]> {
    const byService = new Map<string, PolicyResource[]>();
    for (const policy of this.#set.list('Policy')) {
      if (policy.kind !== 'Policy') continue;
      for (const service of new Set(policy.spec.targets.map(({ name }) => name))) {
        const known = byService.get(service);
        if (known) known.push(policy);
        else byService.set(service, [policy]);
      }
    }
    return byService;
  }
}

const mostConflicts = 100;

/**
 * Faults of one resource that only show beside the others: unknown services, two policies that say the same. The
 * resource may be one that its schema refused, so that a user sees all faults at once.
 */
export function checkReferences(resource: AnyResource, set: ResourceSet, policies = new PolicyIndex(set)): Issue[] {
  if (typeof resource.spec !== 'object' || resource.spec === null) return [];
  switch (resource.kind) {
    case 'Service':
      return [];
    case 'Instance':
      return serviceMustExist(set, resource.spec.service, '/spec/service');
    case 'Route':
      return listOf(resource.spec.rules).flatMap((rule, r) => [
        ...(['backends', 'mirrors'] as const).flatMap((list) =>
          listOf<{ service: string } | undefined>(rule?.[list]).flatMap((one, i) =>
            serviceMustExist(set, one?.service, `/spec/rules/${r}/${list}/${i}/service`),
          ),
        ),
        ...serviceMustExist(set, rule?.breaker?.fallback?.service, `/spec/rules/${r}/breaker/fallback/service`),
      ]);
    case 'Policy':
      return [
        ...listOf(resource.spec.targets).flatMap((target, t) => [
          ...serviceMustExist(set, target?.name, `/spec/targets/${t}/name`),
          ...conflictingSections(policies, resource, target?.name),
        ]),
        ...checkFallback(set, resource),
      ];
  }
}

/** Faults of a proxy's document that only show beside the resources it starts with. */
export function checkProxyReferences(proxy: ProxyDocument, set: ResourceSet): Issue[] {
  return proxy.spec.listeners.flatMap(({ service }, i) =>
    serviceMustExist(set, service, `/spec/listeners/${i}/service`),
  );
}

/** Resources that would be left pointing at nothing if the service went; empty when it may go. */
export function usersOfService(service: string, set: ResourceSet): AnyResource[] {
  const users: AnyResource[] = [];
  for (const instance of set.list('Instance'))
    if (instance.kind === 'Instance' && instance.spec.service === service) users.push(instance);
  for (const route of set.list('Route'))
    if (route.kind === 'Route' && route.spec.rules.some((rule) => ruleNeeds(rule, service))) users.push(route);
  for (const policy of set.list('Policy'))
    if (policy.kind === 'Policy' && policyNeeds(policy, service)) users.push(policy);
  return users;
}

function ruleNeeds({ backends, mirrors = [], breaker }: RouteRule, service: string): boolean {
  return [...backends, ...mirrors, breaker?.fallback].some((one) => one?.service === service);
}

function policyNeeds({ spec }: PolicyResource, service: string): boolean {
  return spec.targets.some((target) => target.name === service) || spec.breaker?.fallback?.service === service;
}

const { name } = documentSchemas.Service['properties'] as { name: { pattern: string } };
const serviceName = new RegExp(name.pattern);

function serviceMustExist(set: ResourceSet, service: unknown, pointer: string): Issue[] {
  if (typeof service !== 'string' || !serviceName.test(service)) return []; // its schema says so already
  if (set.get(`Service/${service}`)) return [];
  return [{ pointer, message: `service "${service}" does not exist; apply it first or in the same request` }];
}

function checkFallback(set: ResourceSet, { spec }: PolicyResource): Issue[] {
  const service = spec.breaker?.fallback?.service;
  const pointer = '/spec/breaker/fallback/service';
  if (service !== undefined && listOf(spec.targets).some((target) => target?.name === service))
    return [{ pointer, message: `service "${service}" is a target of this policy; name one that can stand in for it` }];
  return serviceMustExist(set, service, pointer);
}

function conflictingSections(policies: PolicyIndex, policy: PolicyResource, service: string): Issue[] {
  const issues: Issue[] = [];
  for (const other of policies.of(service)) {
    if (other.name === policy.name) continue;
    if (issues.length >= mostConflicts) break;
    for (const section of policySections)
      if (policy.spec[section] && other.spec[section])
        issues.push({
          pointer: `/spec/${section}`,
          message: `policy "${other.name}" already sets ${section} for service "${service}"; keep it in one of them`,
        });
  }
  return issues;
}

import { policyDefaults } from '../../resources/policy-defaults.ts';
import { policySections } from '../../resources/resource.ts';
import type { Backend, RouteRule } from '../../resources/route.ts';
import type { InstanceResource, PolicyResource, ServiceResource } from '../../resources/schema.ts';
import type { ExplainedBackend, ExplainedEndpoint, Sourced } from './explanation.ts';

/** What is known of the service of a backend. */
export type ServiceFacts = {
  /** Undefined when it is not there. */
  readonly service: ServiceResource | undefined;
  readonly instances: readonly InstanceResource[];
  /** In the order of their names: the first that has a section says what holds. */
  readonly policies: readonly PolicyResource[];
};

type Section = (typeof policySections)[number];

/** Sections that are told in full elsewhere. */
const toldInFull: ReadonlySet<Section> = new Set(['timeouts', 'retry', 'loadBalancer']);

/** What a field of a rule's timeouts is called in a policy. */
const policyNames: Readonly<Record<string, string>> = { backendRequest: 'perTry' };

export function explainBackend(backend: Backend, rule: RouteRule, facts: ServiceFacts): ExplainedBackend {
  const { service, weight, labels = {}, ...more } = backend;
  const total = rule.backends.reduce((sum, one) => sum + one.weight, 0);
  const endpoints = facts.instances
    .filter((instance) => Object.entries(labels).every(([label, value]) => instance.labels[label] === value))
    .map(endpointOf);
  const retry = sectionOf(facts, 'retry');
  const { budget, ...tries } = retry.value;
  const balancer = sectionOf(facts, 'loadBalancer');
  return {
    service,
    labels,
    weight,
    percent: total === 0 ? 0 : Math.round((weight / total) * 10_000) / 100,
    isThere: facts.service !== undefined,
    problem: problemOf(backend, facts, endpoints),
    more,
    timeouts: timeoutsOf(rule, facts),
    retry: rule.retry ? { value: rule.retry, from: 'rule' } : { value: tries, from: retry.from },
    retryBudget: { value: budget, from: retry.from },
    balancer: { value: balancer.value.policy, from: balancer.from },
    policies: otherPolicies(facts, rule),
    endpoints,
    live: null,
  };
}

function problemOf(
  { service: name, weight }: Backend,
  { service }: ServiceFacts,
  endpoints: readonly ExplainedEndpoint[],
): string | null {
  if (weight === 0) return 'its weight is 0';
  if (service === undefined) return `there is no service ${name}: its share is answered 500 (no_backend)`;
  if (service.spec.protocol === 'tcp') return 'it speaks no HTTP: its share is answered 501 (not_implemented)';
  return endpoints.some(({ status }) => status === 'up')
    ? null
    : 'no instance of it is up: its share is answered 503 (no_endpoint)';
}

function endpointOf({ name, labels, spec }: InstanceResource): ExplainedEndpoint {
  const { address, port, weight, status } = spec;
  return { name, address, port, weight, zone: labels['topology.kubernetes.io/zone'] ?? null, status, live: null };
}

function timeoutsOf(rule: RouteRule, facts: ServiceFacts): Record<string, Sourced<string>> {
  const { value, from } = sectionOf(facts, 'timeouts');
  const timeouts = Object.fromEntries(Object.entries(value).map(([name, time]) => [name, { value: time, from }]));
  for (const [name, time] of Object.entries(rule.timeouts ?? {}))
    timeouts[policyNames[name] ?? name] = { value: time, from: 'rule' };
  return timeouts;
}

function sectionOf<S extends keyof typeof policyDefaults>(
  { policies }: ServiceFacts,
  section: S,
): Sourced<(typeof policyDefaults)[S]> {
  const policy = policies.find(({ spec }) => spec[section]);
  const value = (policy?.spec[section] ?? policyDefaults[section]) as (typeof policyDefaults)[S];
  return { value, from: policy ? `policy ${policy.name}` : 'default' };
}

/** What a rule says by itself stands in place of what a policy does. */
function otherPolicies({ policies }: ServiceFacts, rule: RouteRule): Record<string, string> {
  const found = policySections
    .filter((section) => !toldInFull.has(section) && !(section in rule))
    .map((section) => [section, policies.find(({ spec }) => spec[section])?.name] as const);
  return Object.fromEntries(found.filter((pair): pair is [Section, string] => pair[1] !== undefined));
}

import type { RolloutSettings } from './rollout.ts';

/** The kinds of resource, in the order in which a set of them has to be applied. */
export const kinds = ['Service', 'Instance', 'Route', 'Policy'] as const;
export type Kind = (typeof kinds)[number];

/** The path segment of each kind in the control API. */
export const plurals: Readonly<Record<Kind, string>> = {
  Service: 'services',
  Instance: 'instances',
  Route: 'routes',
  Policy: 'policies',
};

/** Words about a resource, for people and for selecting. */
export type Labels = Record<string, string>;

/** Status is what the mesh says about a resource; what a client sends there is ignored. */
export type ResourceStatus = { created?: number; [key: string]: unknown };

/** What is stored, pushed and shown, whatever the kind. `revision` is the store revision of the last change. */
export type Resource<K extends Kind = Kind, Spec = unknown> = {
  kind: K;
  name: string;
  labels: Labels;
  spec: Spec;
  /** How changes reach the sidecars; all at once without it. */
  rollout?: RolloutSettings;
  status?: ResourceStatus;
  revision?: number;
};

export type ResourceKey = `${Kind}/${string}`;

export function keyOf(resource: { kind: Kind; name: string }): ResourceKey {
  return `${resource.kind}/${resource.name}`;
}

/** The items of what should be a list, or none: for looking through documents that are not known to be sound. */
export function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}

/** The sections of a policy; each is given whole by at most one policy per service. */
export const policySections = [
  'loadBalancer',
  'connections',
  'timeouts',
  'retry',
  'hedge',
  'breaker',
  'outlierDetection',
  'limits',
  'concurrency',
  'rateLimits',
] as const;

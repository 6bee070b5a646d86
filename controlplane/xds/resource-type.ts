import { typeUrl } from './codec.ts';

/** The resources that are served, in the order in which a change of several has to reach a client: nothing may name what it does not have. */
export const resourceTypes = ['clusters', 'endpoints', 'listeners', 'routes'] as const;
export type ResourceType = (typeof resourceTypes)[number];

export const messageTypes: Readonly<Record<ResourceType, string>> = {
  clusters: 'envoy.config.cluster.v3.Cluster',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  listeners: 'envoy.config.listener.v3.Listener',
  routes: 'envoy.config.route.v3.RouteConfiguration',
};

export const typeUrls = Object.fromEntries(
  resourceTypes.map((type) => [type, typeUrl(messageTypes[type])]),
) as Readonly<Record<ResourceType, string>>;

/** Of these a response has everything there is, so that what it lacks is gone; of the others only what is new. */
export function isSentWhole(type: ResourceType): boolean {
  return type === 'clusters' || type === 'listeners';
}

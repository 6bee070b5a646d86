/**
 * What one kind of client, or one node of it, is to have: the resources of xDS by type and name. Each is translated when
 * somebody first asks for it and kept for all who see the same; with a change of configuration comes another view, and
 * only endpoints are translated again in one, when the instances of their service have changed.
 */
import type { Labels } from '../../shared/resources/resource.ts';
import type { RouteEntry } from '../../shared/routing/candidate.ts';
import { chooseHost } from '../../shared/routing/explain/host-choice.ts';
import { routeEntries } from '../../shared/routing/route-entries.ts';
import type { Workload } from '../../shared/routing/source.ts';
import type { Instances } from './instances.ts';
import type { ResourceType } from './resource-type.ts';
import type { ClientKind } from './translate/client-kind.ts';
import { clusterName, noInstances } from './translate/cluster-name.ts';
import { clusterMessage } from './translate/clusters.ts';
import { endpointsMessage } from './translate/endpoints.ts';
import { apiListener, outbound } from './translate/listeners.ts';
import type { MeshConfig } from './translate/mesh-config.ts';
import { entryOfService, routeConfiguration, virtualHost } from './translate/routes.ts';
import type { RuleOrigin } from './translate/rule-origin.ts';
import { type LeftOut, Translation, type XdsResource } from './translate/translation.ts';

/** Whom a view is for. */
export type Viewer = {
  readonly client: ClientKind;
  /** Null stands for every caller. */
  readonly workload: Workload | null;
};

type Subset = { readonly service: string; readonly labels: Labels | undefined };
type Made = { readonly resource: XdsResource; readonly leftOut: readonly LeftOut[]; readonly stamp: number };

/** Clients of gRPC may ask for any name, and where there is a route for every host, each is one. */
const mostMade = 100_000;

const placeOfNobody = { kind: 'Service', name: noInstances, labels: {}, spec: { protocol: 'grpc' } } as const;

export class MeshView {
  readonly #viewer: Viewer;
  readonly #config: MeshConfig;
  readonly #instances: Instances;
  readonly #clusters = new Map<string, Subset>();
  readonly #hosts = new Map<string, RouteEntry<RuleOrigin>[]>();
  readonly #hostnames: ReadonlySet<string>;
  readonly #made = {
    clusters: new Map(),
    endpoints: new Map(),
    listeners: new Map(),
    routes: new Map(),
  } as const satisfies Record<ResourceType, Map<string, Made>>;

  constructor(config: MeshConfig, instances: Instances, viewer: Viewer) {
    this.#viewer = viewer;
    this.#config = config;
    this.#instances = instances;
    for (const { name } of config.services.values()) this.#addCluster({ service: name });
    for (const { spec } of config.routes)
      for (const { backends, mirrors = [] } of spec.rules)
        for (const one of [...backends, ...mirrors]) this.#addCluster(one);
    const entries = routeEntries(config.routes, viewer.workload, (route, rule, index) => ({ route, rule, index }));
    for (const entry of entries)
      for (const hostname of entry.hostnames) {
        const list = this.#hosts.get(hostname);
        if (list) list.push(entry);
        else this.#hosts.set(hostname, [entry]);
      }
    this.#hostnames = new Set(this.#hosts.keys());
  }

  /** What a client gets that asks for everything there is of a type. */
  names(type: ResourceType): Iterable<string> {
    if (type === 'clusters' || type === 'endpoints') return this.#clusters.keys();
    return [outbound];
  }

  /** Null where there is no such resource. */
  get(type: ResourceType, name: string): XdsResource | null {
    return this.#make(type, name)?.resource ?? null;
  }

  /** What of our resources no client gets. */
  leftOut(): LeftOut[] {
    const lists = (['clusters', 'endpoints', 'routes'] as const).flatMap((type) =>
      [...this.names(type)].map((name) => this.#make(type, name)?.leftOut ?? []),
    );
    return lists.flat();
  }

  #make(type: ResourceType, name: string): Made | null {
    const made: Map<string, Made> = this.#made[type];
    const service = type === 'endpoints' ? this.#clusters.get(name)?.service : undefined;
    const stamp = service === undefined ? 0 : this.#instances.stampOf(service);
    const known = made.get(name);
    if (known?.stamp === stamp) return known;
    const into = new Translation();
    const message = this.#translate(type, name, into);
    if (message === null) return null;
    const one = { resource: into.finish(type, name, message), leftOut: into.leftOut, stamp };
    if (made.size >= mostMade) made.clear();
    made.set(name, one);
    return one;
  }

  #translate(type: ResourceType, name: string, into: Translation) {
    switch (type) {
      case 'clusters': {
        const service = this.#serviceOf(name);
        return service ? clusterMessage(name, service, this.#config, this.#viewer.client, into) : null;
      }
      case 'endpoints': {
        const service = this.#serviceOf(name);
        const instances = this.#instances.of(service?.name ?? '');
        return service ? endpointsMessage(name, service, this.#clusters.get(name)?.labels, instances, into) : null;
      }
      case 'listeners':
        return this.#entriesOf(name) ? apiListener(name) : null;
      case 'routes':
        return this.#routes(name, into);
    }
  }

  #serviceOf(cluster: string) {
    if (cluster === noInstances) return placeOfNobody;
    return this.#config.services.get(this.#clusters.get(cluster)?.service ?? '') ?? null;
  }

  #routes(name: string, into: Translation) {
    const host = (domain: string, entries: readonly RouteEntry<RuleOrigin>[]) =>
      virtualHost(domain, entries, this.#config, this.#viewer.client, into);
    if (name !== outbound) {
      const entries = this.#entriesOf(name);
      return entries ? routeConfiguration(name, [host(name, entries)]) : null;
    }
    const written = [...this.#hosts].map(([hostname, entries]) => host(hostname, entries));
    const services = [...this.#config.services.keys()].filter((service) => this.#choose(service) === null);
    return routeConfiguration(name, [...written, ...services.map((one) => host(one, [entryOfService(one)]))]);
  }

  /** What holds for requests to a host; null where nothing does. */
  #entriesOf(host: string): readonly RouteEntry<RuleOrigin>[] | null {
    const hostname = this.#choose(host);
    if (hostname !== null) return this.#hosts.get(hostname)!;
    return this.#config.services.has(host) ? [entryOfService(host)] : null;
  }

  #choose(host: string): string | null {
    return chooseHost(host, this.#hostnames, false).routes;
  }

  #addCluster({ service, labels }: { readonly service: string; readonly labels?: Labels }): void {
    if (this.#config.takesRequests(service)) this.#clusters.set(clusterName(service, labels), { service, labels });
  }
}

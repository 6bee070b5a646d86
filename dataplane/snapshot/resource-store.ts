import type { ResourceKey } from '../../shared/resources/resource.ts';
import { keyOf } from '../../shared/resources/resource.ts';
import type {
  AnyResource,
  InstanceResource,
  PolicyResource,
  RouteResource,
  ServiceResource,
} from '../../shared/resources/schema.ts';
import type { ServiceSpec } from '../../shared/resources/service.ts';
import type { WireProtocol } from '../upstream/pooled-endpoint.ts';

/** The resources a proxy knows, as the control plane or its file has them. */
export class ResourceStore {
  readonly #resources = new Map<ResourceKey, AnyResource>();
  /** Services whose instances are here; null when those of all are. */
  readonly #known: ReadonlySet<string> | null;

  constructor(known: readonly string[] | null = null) {
    this.#known = known === null ? null : new Set(known);
  }

  /** The store as a change leaves it; this one stays as it is, so that a change that does not compile costs nothing. */
  with(
    resources: readonly AnyResource[],
    removed: readonly ResourceKey[],
    known: readonly string[] | null = null,
  ): ResourceStore {
    const next = new ResourceStore(known);
    for (const [key, resource] of this.#resources) next.#resources.set(key, resource);
    for (const key of removed) next.#resources.delete(key);
    for (const resource of resources) next.#resources.set(keyOf(resource), resource);
    return next;
  }

  keys(): ResourceKey[] {
    return [...this.#resources.keys()];
  }

  all(): AnyResource[] {
    return [...this.#resources.values()];
  }

  /** All instances of the service are here, even if there are none. */
  knowsInstancesOf(service: string): boolean {
    return this.#known === null || this.#known.has(service);
  }

  /** What the instances of a service speak; null for a service that is not there. */
  protocolOf(service: string): ServiceSpec['protocol'] | null {
    const found = this.#resources.get(`Service/${service}`);
    return found?.kind === 'Service' ? found.spec.protocol : null;
  }

  /** What is spoken at the address of an instance. */
  wireProtocolAt({ spec }: InstanceResource): WireProtocol {
    return spec.protocol ?? this.wireProtocolOf(spec.service);
  }

  /** What carries that of the applications of a service. */
  wireProtocolOf(service: string): WireProtocol {
    const protocol = this.protocolOf(service);
    return protocol === 'http2' || protocol === 'grpc' ? 'http2' : 'http1';
  }

  *services(): Iterable<ServiceResource> {
    for (const resource of this.#resources.values()) if (resource.kind === 'Service') yield resource;
  }

  *instances(): Iterable<InstanceResource> {
    for (const resource of this.#resources.values()) if (resource.kind === 'Instance') yield resource;
  }

  *routes(): Iterable<RouteResource> {
    for (const resource of this.#resources.values()) if (resource.kind === 'Route') yield resource;
  }

  /** Policies that name a service, in the order of their names. */
  policiesOf(service: string): PolicyResource[] {
    const found: PolicyResource[] = [];
    for (const resource of this.#resources.values())
      if (resource.kind === 'Policy' && resource.spec.targets.some((target) => target.name === service))
        found.push(resource);
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

import type { PolicySpec } from '../../../shared/resources/policy.ts';
import { policyDefaults } from '../../../shared/resources/policy-defaults.ts';
import type { AnyResource, PolicyResource, RouteResource, ServiceResource } from '../../../shared/resources/schema.ts';
import type { Translation } from './translation.ts';

type SectionName = Exclude<keyof PolicySpec, 'targets'>;
type Section<S extends SectionName> = NonNullable<PolicySpec[S]>;

/** The configuration of the mesh as one node has it. */
export class MeshConfig {
  readonly services = new Map<string, ServiceResource>();
  readonly routes: RouteResource[] = [];
  readonly #policies = new Map<string, PolicyResource[]>();

  constructor(resources: Iterable<AnyResource>) {
    for (const resource of resources) this.#add(resource);
  }

  /** Whether a service is there and speaks HTTP. */
  takesRequests(service: string): boolean {
    const protocol = this.services.get(service)?.spec.protocol;
    return protocol !== undefined && protocol !== 'tcp';
  }

  /** The section of whichever policy of a service has it, and that policy. */
  policy<S extends SectionName>(service: string, name: S): { section: Section<S>; policy: PolicyResource } | null {
    const policy = this.#policies.get(service)?.find(({ spec }) => spec[name]);
    return policy ? { section: policy.spec[name] as Section<S>, policy } : null;
  }

  /** The section of a policy, or what holds where none has it. */
  settings<S extends keyof typeof policyDefaults>(service: string, name: S, into: Translation): Section<S> {
    const found = this.policy(service, name);
    if (found) into.use(found.policy);
    return found?.section ?? (policyDefaults[name] as Section<S>);
  }

  #add(resource: AnyResource): void {
    if (resource.kind === 'Service') this.services.set(resource.name, resource);
    else if (resource.kind === 'Route') this.routes.push(resource);
    else if (resource.kind === 'Policy')
      for (const service of new Set(resource.spec.targets.map(({ name }) => name)))
        this.#policies.set(service, [...(this.#policies.get(service) ?? []), resource]);
  }
}

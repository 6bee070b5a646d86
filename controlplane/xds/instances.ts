import type { InstanceResource } from '../../shared/resources/schema.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';

type OfService = { readonly byName: Map<string, InstanceResource>; stamp: number };

/** Instances by service, kept along with the catalog. */
export class Instances {
  readonly #byService = new Map<string, OfService>();
  readonly #serviceOf = new Map<string, string>();
  #changes = 0;

  constructor(catalog: Catalog) {
    for (const { resource } of catalog.sorted('Instance')) if (resource.kind === 'Instance') this.#put(resource);
  }

  /** By name. */
  of(service: string): InstanceResource[] {
    const byName = this.#byService.get(service)?.byName ?? new Map<string, InstanceResource>();
    return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Another number after each change of one of them; 0 where there are none. */
  stampOf(service: string): number {
    return this.#byService.get(service)?.stamp ?? 0;
  }

  take({ changed, removed }: CatalogChange): void {
    for (const { kind, name } of removed) if (kind === 'Instance') this.#remove(name);
    for (const { resource } of changed) if (resource.kind === 'Instance') this.#put(resource);
  }

  #put(instance: InstanceResource): void {
    const { service } = instance.spec;
    if (this.#serviceOf.get(instance.name) !== service) this.#remove(instance.name);
    const known = this.#byService.get(service) ?? { byName: new Map(), stamp: 0 };
    known.byName.set(instance.name, instance);
    known.stamp = ++this.#changes;
    this.#byService.set(service, known);
    this.#serviceOf.set(instance.name, service);
  }

  #remove(name: string): void {
    const service = this.#serviceOf.get(name);
    const known = service === undefined ? undefined : this.#byService.get(service);
    if (!known || service === undefined) return;
    this.#serviceOf.delete(name);
    known.byName.delete(name);
    known.stamp = ++this.#changes;
    if (known.byName.size === 0) this.#byService.delete(service);
  }
}

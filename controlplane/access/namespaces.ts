import { listOf } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';

export const defaultNamespace = 'default';

/** What stands after the first dot: `shop` of `cart.shop`, `eu.shop` of `cart.eu.shop`, `default` of `cart`. */
export function namespaceOf(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? defaultNamespace : name.slice(dot + 1);
}

/**
 * The names whose namespaces a resource belongs to: an instance is where its service is, and a policy acts on its targets
 * as well. A route may send to services anywhere.
 */
export function boundNames(resource: AnyResource): readonly string[] {
  switch (resource.kind) {
    case 'Instance':
      return [resource.spec.service];
    case 'Policy':
      return [resource.name, ...listOf(resource.spec.targets).map(({ name }) => name)];
    default:
      return [resource.name];
  }
}

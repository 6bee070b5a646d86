import type { Catalog } from '../catalog/catalog.ts';
import type { Author } from '../catalog/change.ts';

/** Why somebody may not speak for the instance of this name; null when it may, or when there is none. */
export function instanceFault(author: Author, catalog: Catalog, name: string): string | null {
  const before = catalog.stored('Instance', name);
  return before ? author.faultOf({ action: 'changed', resource: before.resource, before }) : null;
}

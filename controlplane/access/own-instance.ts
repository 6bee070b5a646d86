import type { Catalog } from '../catalog/catalog.ts';
import type { Author } from '../catalog/change.ts';

/** Why somebody may not speak for the instance of this name; null when it may, or when there is none. */
export function instanceFault(author: Author, catalog: Catalog, name: string): string | null {
  const known = catalog.stored('Instance', name);
  return known ? author.faultOf({ action: 'changed', resource: known.resource, known }) : null;
}

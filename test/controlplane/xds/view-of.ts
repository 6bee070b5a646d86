import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import { Instances } from '../../../controlplane/xds/instances.ts';
import { MeshView, type Viewer } from '../../../controlplane/xds/mesh-view.ts';
import { MeshConfig } from '../../../controlplane/xds/translate/mesh-config.ts';
import { readResource } from '../../../shared/resources/read.ts';
import { keyOf } from '../../../shared/resources/resource.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';

export const envoy: Viewer = { client: 'envoy', workload: null };
export const grpcClient: Viewer = { ...envoy, client: 'grpc' };

/** A resource as the control plane would store it: at the revision after its place in the list. */
export function read(document: object, index = 0): AnyResource {
  const result = readResource(JSON.parse(JSON.stringify(document)));
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  return { ...result.value, revision: index + 1, status: { created: index + 1 } } as AnyResource;
}

/** What a client is to have of a mesh of these documents. */
export function viewOf(documents: readonly object[], viewer: Viewer = envoy): MeshView {
  const resources = documents.map(read);
  const catalog = new Catalog({ info: () => {}, warn: () => {} });
  catalog.onListing({
    revision: resources.length,
    entries: resources.map((resource, i) => ({
      key: keyOf(resource),
      value: JSON.stringify(documents[i]),
      revision: i + 1,
      created: i + 1,
      lease: null,
    })),
  });
  const config = new MeshConfig(resources.filter(({ kind }) => kind !== 'Instance'));
  return new MeshView(config, new Instances(catalog), viewer);
}

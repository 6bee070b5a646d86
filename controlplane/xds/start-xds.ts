import type { Log } from '../../observability/logging/log.ts';
import type { Address } from '../../shared/discovery/address.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { XdsHub } from './xds-hub.ts';
import { startXdsServer } from './xds-server.ts';

export type Xds = { readonly hub: XdsHub; readonly address: Address; close(): Promise<void> };

/** Starts the xDS face of a control plane. */
export async function startXds(catalog: Catalog, version: string, log: Log, address: Address): Promise<Xds> {
  const hub = new XdsHub(catalog);
  try {
    const server = await startXdsServer({ hub, log, identifier: `meshlane ${version}` }, address);
    return {
      hub,
      address: server.address,
      close: async () => {
        hub.close();
        await server.close();
      },
    };
  } catch (error) {
    hub.close();
    throw error;
  }
}

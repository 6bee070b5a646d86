import type { Address } from '../../shared/discovery/address.ts';
import { XdsHub } from './xds-hub.ts';
import { startXdsServer, type XdsServerParts } from './xds-server.ts';

export type Xds = { readonly hub: XdsHub; readonly address: Address; close(): Promise<void> };

/** Starts the xDS face of a control plane. */
export async function startXds(parts: Omit<XdsServerParts, 'hub'>, address: Address): Promise<Xds> {
  const hub = new XdsHub(parts.catalog);
  try {
    const server = await startXdsServer({ ...parts, hub }, address);
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

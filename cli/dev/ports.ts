import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type Address, formatAddress, listenError } from '../../shared/discovery/address.ts';
import { UsageError } from '../command.ts';

export type WantedPort = { readonly address: Address; readonly flag: string };

/**
 * Looks whether every port is free, before anything is started, and picks one where 0 is wanted. All of them are held at
 * the same time, so that no port is picked twice. Throws one line that names the first taken port and the flag to move it.
 */
export async function findFreePorts(wanted: readonly WantedPort[]): Promise<Address[]> {
  refuseDuplicates(wanted);
  const servers: Server[] = [];
  try {
    for (const { address, flag } of wanted) {
      const server = createServer();
      try {
        await once(server.listen(address.port, address.host), 'listening');
      } catch (error) {
        throw listenError(error, address, flag);
      }
      servers.push(server);
    }
    return servers.map((server, i) => ({
      host: wanted[i]!.address.host,
      port: (server.address() as AddressInfo).port,
    }));
  } finally {
    await Promise.all(servers.map((server) => once(server.close(), 'close')));
  }
}

function refuseDuplicates(wanted: readonly WantedPort[]): void {
  const flagOf = new Map<string, string>();
  for (const { address, flag } of wanted) {
    if (address.port === 0) continue;
    const key = formatAddress(address);
    const other = flagOf.get(key);
    if (other !== undefined)
      throw new UsageError(`${key} is wanted twice, by ${other} and ${flag}; change one of them`);
    flagOf.set(key, flag);
  }
}

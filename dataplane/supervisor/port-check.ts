import { createServer } from 'node:net';
import { listenError } from '../../shared/discovery/address.ts';
import type { ProxySpec } from '../../shared/resources/proxy.ts';

/**
 * Fails when a listener's port is taken. Needed where several workers share a port: the kernel would let them share it
 * with another proxy of the same user as well, and half of the connections would go there.
 */
export async function checkPortsAreFree(spec: ProxySpec): Promise<void> {
  if (spec.workers === 1) return;
  for (const { address, port, direction } of spec.listeners) {
    if (port === 0) continue;
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once('error', (error) => reject(listenError(error, { host: address, port }, `--${direction}`)));
      server.listen(port, address, () => server.close(() => resolve()));
    });
  }
}

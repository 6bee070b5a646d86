import { type WireClient, wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, type WireServer, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { grpcService, grpcServiceAt } from './resources.ts';

export type Chain = { readonly server: WireServer; readonly client: WireClient };

/** A client and a server, each with its proxy: client -> outbound -> inbound -> server. */
export async function twoProxies(
  t: Owner,
  script: (call: ServedCall) => unknown,
  options: { at?: 'whole' | 'head' } = {},
): Promise<Chain> {
  const server = await wireServer(t, script, options);
  const inner = await staticProxy(t, { resources: [grpcService('app')], appPort: server.port });
  const outer = await staticProxy(t, { resources: grpcServiceAt('app', inner.inboundPort) });
  return { server, client: await wireClient(t, outer.port) };
}

import { parentPort } from 'node:worker_threads';
import { register } from '@grpc/grpc-js-xds';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { Asked } from './grpc-client.ts';
import { cartService } from './named-servers.ts';

/** Stock clients of gRPC in a thread of their own, since some of their timers outlive them by 10 s. */

register();
const Client = grpc.makeGenericClientConstructor(cartService, 'Cart');
const clients = new Map<string, InstanceType<typeof Client>>();
type Start = (request: Buffer, metadata: grpc.Metadata, options: object, done: grpc.requestCallback<Buffer>) => void;

/** A client of `xds:///TARGET` that is told of the control plane by its bootstrap and of nothing else. */
function open(target: string, xdsPort: number): InstanceType<typeof Client> {
  const bootstrap = {
    xds_servers: [{ server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
    node: { id: 'client-1', locality: {} },
  };
  return new Client(`xds:///${target}`, grpc.credentials.createInsecure(), {
    'grpc.TEST_ONLY_DO_NOT_USE_IN_PROD.xds_bootstrap_config': JSON.stringify(bootstrap),
  });
}

parentPort!.on('message', ({ id, target, xdsPort, method, fields }: Asked) => {
  const key = `${target} ${xdsPort}`;
  const client = clients.get(key) ?? open(target, xdsPort);
  clients.set(key, client);
  const metadata = grpc.Metadata.fromHttp2Headers(fields);
  (client[method] as Start).call(client, Buffer.from(''), metadata, { deadline: Date.now() + 5_000 }, (error, reply) =>
    parentPort!.postMessage({ id, reply: error ? grpc.status[error.code] : String(reply) }),
  );
});

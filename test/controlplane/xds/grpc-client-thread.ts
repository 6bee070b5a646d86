import { parentPort, workerData } from 'node:worker_threads';
import { register } from '@grpc/grpc-js-xds';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { type Asked, cartService } from './named-servers.ts';

/** The stock client of gRPC in a thread of its own, since some of its timers outlive it by 10 s. */

register();
const { target, xdsPort, node } = workerData as { target: string; xdsPort: number; node: string };
const bootstrap = {
  xds_servers: [{ server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
  node: { id: node, locality: {} },
};
const Client = grpc.makeGenericClientConstructor(cartService, 'Cart');
const client = new Client(`xds:///${target}`, grpc.credentials.createInsecure(), {
  'grpc.TEST_ONLY_DO_NOT_USE_IN_PROD.xds_bootstrap_config': JSON.stringify(bootstrap),
});
type Start = (request: Buffer, metadata: grpc.Metadata, options: object, done: grpc.requestCallback<Buffer>) => void;

parentPort!.on('message', ({ id, method, fields }: Asked) => {
  const metadata = grpc.Metadata.fromHttp2Headers(fields);
  (client[method] as Start).call(client, Buffer.from(''), metadata, { deadline: Date.now() + 5_000 }, (error, reply) =>
    parentPort!.postMessage({ id, reply: error ? grpc.status[error.code] : String(reply) }),
  );
});

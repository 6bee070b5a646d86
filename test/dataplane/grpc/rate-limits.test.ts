import t from 'tap';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { route } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { checkLocalReply } from './local-reply.ts';
import { grpcServiceAt } from './resources.ts';
import { webCall } from './web-caller.ts';

const path = '/pkg.Service/Method';

/** Lets one call an hour pass. */
async function onceAnHour(t: Owner) {
  const server = await wireServer(t, (call) => call.end(0));
  const rateLimits = [{ name: 'few', requests: 1, per: '1h' }];
  const resources = [
    ...grpcServiceAt('app', server.port),
    route('calls', [{ backends: [{ service: 'app' }], rateLimits }]),
  ];
  return staticProxy(t, { resources, spec: { workers: 2 } });
}

t.test('a call above a limit ends with RESOURCE_EXHAUSTED and is told when to come again', async (t) => {
  const proxy = await onceAnHour(t);
  const client = await wireClient(t, proxy.port);
  t.equal((await client.ask(path)).status, 0);
  const end = await client.ask(path);
  checkLocalReply(t, end, 'rate_limited');
  const pushbackMs = Number(fieldOf(end.trailers!, 'grpc-retry-pushback-ms'));
  t.ok(pushbackMs > 3_500_000 && pushbackMs <= 3_600_000, `${pushbackMs} ms`);
  t.equal(fieldOf(end.trailers!, 'retry-after'), '3600');
  t.equal(fieldOf(end.trailers!, 'ratelimit'), '"few";r=0;t=3600');
  t.equal(await proxy.metric('meshlane_grpc_calls_total', { grpc_status: '8' }), 1);
});

t.test('a call of gRPC-Web is told the same', async (t) => {
  const proxy = await onceAnHour(t);
  const call = () => webCall(proxy.port, path, Buffer.from('question'), 'bytes', { host: 'app' });
  t.equal((await call()).trailers.get('grpc-status'), '0');
  const { httpStatus, trailers, headers } = await call();
  t.equal(httpStatus, 200);
  t.equal(trailers.get('grpc-status'), '8');
  t.equal(headers.get('x-meshlane-reason'), 'rate_limited');
  t.ok(Number(headers.get('grpc-retry-pushback-ms')) > 3_500_000);
});

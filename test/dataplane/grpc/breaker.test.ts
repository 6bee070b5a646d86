import t from 'tap';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { grpcServiceAt } from './resources.ts';

const unavailable = 14;

/** The two ways in which a call may end. */
const endings: Readonly<Record<string, (call: ServedCall) => void>> = {
  'trailers only': (call) => call.end(unavailable, {}),
  'trailers after a head': (call) => {
    call.head({});
    call.end(unavailable, {});
  },
};

for (const [ending, end] of Object.entries(endings))
  t.test(`calls that end as unavailable open the breaker and eject the instance, told in ${ending}`, async (t) => {
    const server = await wireServer(t, end);
    const sections = {
      retry: { attempts: 0 },
      breaker: { consecutiveFailures: 4 },
      outlierDetection: { consecutive5xx: 3 },
    };
    const proxy = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), policy('app', sections)] });
    const client = await wireClient(t, proxy.port);
    const ask = async () => (await client.ask('/pkg.Service/Method', { message: Buffer.from('a') })).status;
    for (let i = 0; i < 3; i++) t.equal(await ask(), unavailable);
    t.equal(await proxy.metric('meshlane_outlier_ejections_total', { reason: 'consecutive_5xx' }), 1);
    t.equal(await proxy.metric('meshlane_breaker_state'), 0);
    t.equal(await ask(), unavailable, 'the only instance is used all the same');
    t.equal(await proxy.metric('meshlane_breaker_state'), 2);
  });

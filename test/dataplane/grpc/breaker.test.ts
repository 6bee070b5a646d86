import t from 'tap';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import { until } from '../../harness/until.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { grpcServiceAt } from './resources.ts';

const ok = 0;
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

for (const [ending, end] of Object.entries(endings))
  t.test(`a probe that ends as unavailable does not close the breaker, told in ${ending}`, async (t) => {
    let isFine = false;
    const calls: ServedCall[] = [];
    const server = await wireServer(t, (call) => {
      calls.push(call);
      if (!isFine) return end(call);
      call.head({});
      call.send(Buffer.from('b')); // the call goes on: it is a stream
    });
    for (const retry of [{ attempts: 0 }, { attempts: 1, on: ['unavailable'] }]) {
      isFine = false;
      calls.length = 0;
      const sections = { retry, breaker: { consecutiveFailures: 1, openFor: '100ms', maxOpenFor: '100ms', jitter: 0 } };
      const resources = [...grpcServiceAt('app', server.port), policy('app', sections)];
      const proxy = await staticProxy(t, { resources });
      const client = await wireClient(t, proxy.port);
      const state = () => proxy.metric('meshlane_breaker_state');
      const call = () => client.call('/pkg.Service/Method', { message: Buffer.from('a') });
      const moves = (cause: string) => proxy.metric('meshlane_breaker_transitions_total', { cause });
      await call().ended;
      await until(async () => {
        call();
        return (await moves('probe_failed')) >= 3;
      });
      t.equal(await moves('probe_passed'), 0);
      isFine = true;
      await until(
        async () => {
          call();
          return (await state()) === 0;
        },
        { what: 'the first message to close it' },
      );
      for (const one of calls) if (!one.stream.writableEnded) one.end(ok);
      await proxy.close();
    }
  });

import t from 'tap';
import { Fault } from '../../../dataplane/filters/fault.ts';
import { seededRandom } from '../../harness/seeded-random.ts';
import { until } from '../../harness/until.ts';
import { get, rawClient } from '../harness/raw-client.ts';
import { policy } from '../harness/resources.ts';
import { allPairs, filtered, hostOf } from './filtered.ts';

const fault = (fault: object, more: object = {}) => ({ filters: [{ type: 'Fault', fault }], ...more });

async function timed<T>(call: Promise<T>): Promise<{ tookMs: number; got: T }> {
  const begunMs = performance.now();
  const got = await call;
  return { tookMs: performance.now() - begunMs, got };
}

t.test('as many requests are hit as the percentage says, fractions included', async (t) => {
  const draws = 200_000;
  for (const percent of [0, 0.1, 0.5, 33.3, 99.9, 100]) {
    const settings = { delay: { duration: '1s', percent }, abort: { status: 500, percent } };
    const one = new Fault(settings, seededRandom());
    let delayed = 0;
    let aborted = 0;
    for (let i = 0; i < draws; i++) {
      if (one.delayMs() === 1000) delayed++;
      if (one.abort() !== null) aborted++;
    }
    const expected = (draws * percent) / 100;
    const mostMissed = 4 * Math.sqrt((expected * (100 - percent)) / 100);
    t.ok(Math.abs(delayed - expected) <= mostMissed, `${percent} %: ${delayed} delayed`);
    t.ok(Math.abs(aborted - expected) <= mostMissed, `${percent} %: ${aborted} aborted`);
  }
});

for (const pair of allPairs)
  t.test(`${pair.join(' -> ')}: faults`, async (t) => {
    const { call, seen, proxy } = await filtered(t, pair, [
      fault({ abort: { status: 418 } }),
      fault({ abort: { status: 503, percent: 0 } }),
      fault({ delay: { duration: '150ms' } }),
      fault({ delay: { duration: '150ms' }, abort: { status: 500 } }),
      fault({ delay: { duration: '5s' } }, { timeouts: { request: '150ms' } }),
    ]);

    const aborted = await call(0, { method: 'POST', body: Buffer.from('body') });
    t.match(aborted, { status: 418, fields: { 'x-meshlane-reason': 'fault_injected' } });
    t.equal(seen().length, 0, 'no instance hears of it');
    t.equal(await proxy.metric('meshlane_local_replies_total', { reason: 'fault_injected', service: 'app' }), 1);

    t.equal((await call(1)).status, 200);

    const body = Buffer.alloc(100_000, 'body');
    const delayed = await timed(call(2, { method: 'PUT', body }));
    t.equal(delayed.got.status, 200);
    t.ok(delayed.tookMs >= 140, `took ${delayed.tookMs} ms`);
    seen();

    const both = await timed(call(3));
    t.equal(both.got.status, 500);
    t.ok(both.tookMs >= 140, `took ${both.tookMs} ms`);

    const late = await timed(call(4));
    t.match(late.got, { status: 504, fields: { 'x-meshlane-reason': 'request_timeout' } });
    t.ok(late.tookMs < 4000, 'the delay counts for the request timeout');
    t.equal(seen().length, 0);
  });

t.test('an abort with a status that has no content sends none', async (t) => {
  for (const pair of allPairs) {
    const { call } = await filtered(t, pair, [fault({ abort: { status: 205 } }), fault({ abort: { status: 204 } })]);
    for (const [i, status] of [205, 204].entries()) {
      const got = await call(i, { method: 'POST' });
      t.strictSame([got.status, got.body.length], [status, 0], pair.join(' -> '));
    }
  }
});

t.test('a request is delayed once, however often it is tried', async (t) => {
  let failures = 2;
  const { call, seen } = await filtered(
    t,
    ['http1', 'http1'],
    [fault({ delay: { duration: '300ms' } }, { retry: { attempts: 2, backoff: '1ms' } })],
    { answer: (_, reply) => void reply.writeHead(failures-- > 0 ? 503 : 200).end() },
  );
  const { got, tookMs } = await timed(call(0));
  t.equal(got.status, 200);
  t.equal(seen().length, 3);
  t.ok(tookMs < 590, `took ${tookMs} ms`);
});

t.test('a caller that leaves during the delay is counted, and no instance hears of it', async (t) => {
  const { proxy, seen } = await filtered(t, ['http1', 'http1'], [fault({ delay: { duration: '60s' } })]);
  const client = await rawClient(t, proxy.port);
  client.send(get('/', hostOf(0)));
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 1);
  client.reset();
  await until(async () => (await proxy.metric('meshlane_requests_total', { code: '499' })) === 1);
  t.equal(seen().length, 0);
});

t.test('a delay longer than the idle timeout is no silence of the instance', async (t) => {
  const resources = [policy('app', { timeouts: { idle: '200ms' } })];
  const { call } = await filtered(t, ['http1', 'http1'], [fault({ delay: { duration: '600ms' } })], { resources });
  t.equal((await call(0)).status, 200);
});

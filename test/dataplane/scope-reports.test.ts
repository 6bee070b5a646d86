import t from 'tap';
import { durationBuckets } from '../../observability/metrics/slots.ts';
import { wireClient } from '../harness/grpc/wire-client.ts';
import { wireServer } from '../harness/grpc/wire-server.ts';
import { until } from '../harness/until.ts';
import { grpcServiceAt } from './grpc/resources.ts';
import { type PushPlane, pushPlane } from './harness/push-plane.ts';
import { pushedProxy } from './harness/pushed-proxy.ts';
import { ask, get } from './harness/raw-client.ts';
import { route, service, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';

/** What a proxy tells the control plane of its outbound requests. */

type Sums = { requests: number; errors: number; latency: number };

/** All reports so far, added up by service. */
function sums(plane: PushPlane): Readonly<Record<string, Sums>> {
  const all: Record<string, Sums> = {};
  for (const { service, requests, errors, latency } of plane.reports.flatMap(({ services }) => services)) {
    const before = all[service] ?? { requests: 0, errors: 0, latency: 0 };
    all[service] = {
      requests: before.requests + requests,
      errors: before.errors + errors,
      latency: latency.reduce((sum, count) => sum + count, before.latency),
    };
  }
  return all;
}

const reported = (plane: PushPlane, requests: number) =>
  until(() => Object.values(sums(plane)).reduce((sum, one) => sum + one.requests, 0) === requests, {
    what: `reports of ${requests} requests`,
  });

t.test('reports add up to what was sent, over all workers', async (t) => {
  let asked = 0;
  const origin = await scriptedOrigin(t, () => reply('', '', asked++ % 5 === 0 ? 500 : 200));
  const plane = await pushPlane(t, [
    ...serviceAt('app', origin.port),
    ...serviceAt('shadow', origin.port),
    service('empty'),
    route('copied', [{ backends: [{ service: 'other' }], mirrors: [{ service: 'shadow' }] }], ['copied']),
    ...serviceAt('other', (await scriptedOrigin(t, () => reply())).port),
  ]);
  const proxy = await pushedProxy(t, plane, { spec: { workers: 2 } });
  for (const [host, count] of Object.entries({ app: 100, empty: 7, nobody: 3 }))
    await Promise.all(Array.from({ length: count }, () => ask(t, proxy.port, get('/', host))));
  await reported(plane, 110);
  for (let i = 0; i < 10; i++) await ask(t, proxy.port, get());
  await ask(t, proxy.port, get('/', 'copied'));
  await reported(plane, 121);
  t.strictSame(sums(plane), {
    app: { requests: 110, errors: 22, latency: 110 },
    empty: { requests: 7, errors: 7, latency: 7 },
    '': { requests: 3, errors: 0, latency: 3 },
    other: { requests: 1, errors: 0, latency: 1 },
  });
  t.ok(plane.reports.length >= 2 && plane.reports.length <= 6, `${plane.reports.length} reports`);
  for (const { seconds, services } of plane.reports) {
    t.ok(seconds >= 1);
    for (const { latency } of services) t.equal(latency.length, durationBuckets.length + 1);
  }
  const { length } = plane.reports;
  const since = performance.now();
  await until(() => performance.now() - since > 2500);
  t.equal(plane.reports.length, length, 'without traffic there is nothing to report');
});

t.test('a call of gRPC that failed by its status is an error, as is a reply that was cut', async (t) => {
  const server = await wireServer(t, (call) => call.end(call.path.endsWith('Fails') ? 13 : 0));
  const cut = await scriptedOrigin(
    t,
    ({ connection }) => void connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
  );
  const plane = await pushPlane(t, [...grpcServiceAt('app', server.port), ...serviceAt('cut', cut.port)]);
  const proxy = await pushedProxy(t, plane);
  const client = await wireClient(t, proxy.port);
  for (const method of ['Works', 'Fails', 'Fails']) await client.ask(`/shop.Cart/${method}`);
  await ask(t, proxy.port, get('/', 'cut')).catch(() => undefined);
  await reported(plane, 4);
  t.strictSame(sums(plane), {
    app: { requests: 3, errors: 2, latency: 3 },
    cut: { requests: 1, errors: 1, latency: 1 },
  });
});

t.test('what happens while the control plane is away is reported when it is back', async (t) => {
  const origin = await scriptedOrigin(t, () => reply());
  const plane = await pushPlane(t, serviceAt('app', origin.port));
  const proxy = await pushedProxy(t, plane);
  await ask(t, proxy.port, get());
  plane.stop();
  const away = performance.now();
  await ask(t, proxy.port, get());
  await until(() => performance.now() - away > 2500, { what: 'the time of a report' });
  await plane.start();
  await reported(plane, 2);
  t.equal(sums(plane)['app']?.requests, 2);
});

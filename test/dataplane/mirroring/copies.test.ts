import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import { until } from '../../harness/until.ts';
import { grpcServiceAt } from '../grpc/resources.ts';
import { copied, mirroredRoute } from '../harness/mirrored.ts';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { instance, route, service, serviceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { callerOf, originOf, type Protocol } from '../http2/calling.ts';

/** What a mirror gets of a request, and of which ones. */

type Got = { head: string; body: Buffer; sum: string | undefined };

/** A server that notes what it gets, without the fields that differ from hop to hop. */
function noting(got: Got[]) {
  return async (request: IncomingMessage, answer: ServerResponse) => {
    const body = await buffer(request);
    const own = Object.entries(request.headers).filter(([name]) => !/^(:|host$|traceparent$|x-meshlane-)/.test(name));
    got.push({
      head: JSON.stringify([request.method, request.url, own.sort()]),
      body,
      sum: request.trailers['x-sum'] as string | undefined,
    });
    answer.end('answered');
  };
}

const mebibyte = Buffer.alloc(1_048_576, createHash('sha512').update('mirror').digest());
const bodies = [undefined, Buffer.alloc(0), Buffer.from('small'), Buffer.alloc(70_000, 'x'), mebibyte];

for (const caller of ['http1', 'http2'] as Protocol[])
  for (const origin of ['http1', 'http2'] as Protocol[])
    for (const shadow of ['http1', 'http2'] as Protocol[])
      t.test(
        `${caller} to ${origin}: a mirror that speaks ${shadow} gets the same head, body and trailers`,
        async (t) => {
          const got: Got[] = [];
          const copies: Got[] = [];
          const proxy = await staticProxy(t, {
            resources: [
              service('app'),
              instance('app-0', 'app', await originOf(t, origin, noting(got)), { protocol: origin }),
              service('shadow'),
              instance('shadow-0', 'shadow', await originOf(t, shadow, noting(copies)), { protocol: shadow }),
              mirroredRoute(),
            ],
          });
          const call = callerOf(t, caller, proxy.port);
          for (const body of bodies) {
            const method = body === undefined ? 'GET' : 'POST';
            const answer = await call({ method, path: '/a?b=c', ...(body && { body }), fields: { 'x-own': 'b' } });
            t.equal(answer.body.toString(), 'answered');
          }
          const chunked = caller === 'http1' ? { trailer: 'x-sum', 'transfer-encoding': 'chunked' } : {};
          await call({ method: 'PUT', body: mebibyte, fields: chunked, trailers: { 'x-sum': '7' } });
          await copied(proxy, 'sent', 6);
          t.equal(copies.length, 6);
          t.equal(copies.at(-1)!.sum, '7');
          for (const one of got) t.ok(copies.find((copy) => copy.body.equals(one.body) && copy.sum === one.sum));
          if (origin === shadow)
            t.strictSame(copies.map(({ head }) => head).sort(), got.map(({ head }) => head).sort());
        },
      );

t.test('a stream of gRPC reaches the mirror message for message', async (t) => {
  const app = await wireServer(t, (call) => call.stream.on('end', () => call.answer(Buffer.from('app'))), {
    at: 'head',
  });
  const shadow = await wireServer(t, (call) => call.answer(Buffer.from('shadow')));
  const proxy = await staticProxy(t, {
    resources: [...grpcServiceAt('app', app.port), ...grpcServiceAt('shadow', shadow.port), mirroredRoute()],
  });
  const client = await wireClient(t, proxy.port);
  const call = client.call('/pkg.Service/Method');
  for (const size of [0, 1, 100, 40_000]) {
    call.send(Buffer.alloc(size, 'm'));
    await until(() => shadow.calls[0]?.messages.some(({ bytes }) => bytes.length === size), { everyMs: 5 });
  }
  call.end();
  const { status, messages } = await call.ended;
  t.equal(status, 0);
  t.equal(messages[0]!.bytes.toString(), 'app');
  await copied(proxy, 'sent', 1);
  t.strictSame(shadow.calls[0]!.messages, app.calls[0]!.messages);
  t.equal(await proxy.metric('meshlane_grpc_calls_total', { service: 'shadow', grpc_status: '0' }), 1);
});

t.test('a copy says what it is, and only a copy does', async (t) => {
  const app = await scriptedOrigin(t, () => reply('app'));
  const shadow = await scriptedOrigin(t, () => reply('shadow', '', 500));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
  });
  const own = 'Connection: x-meshlane-mirror, x-listed, host\r\nX-Listed: b\r\nX-Meshlane-Mirror: 2\r\nX-Own: a\r\n';
  const answer = await ask(t, proxy.port, get('/', 'app', own));
  t.equal(answer.body.toString(), 'app');
  await copied(proxy, 'sent', 1);
  t.match(
    shadow.requests[0]!.head,
    /^GET \/ HTTP\/1\.1\r\nHost: app\r\nX-Own: a\r\nx-meshlane-mirror: 1\r\nx-meshlane-deadline-ms: (60000|59\d{3})\r\ntraceparent: /,
  );
  t.equal(app.requests[0]!.header('x-meshlane-mirror'), undefined);
  const route = 'r (mirror)';
  t.equal(await proxy.metric('meshlane_requests_total', { service: 'shadow', route, code: '500' }), 1);
  t.equal(await proxy.metric('meshlane_requests_total', { service: 'app', route: 'r', code: '200' }), 1);
});

t.test(
  'the application of a mirror learns it from a trusted proxy, from nobody else, and never in a reply',
  async (t) => {
    const app = await scriptedOrigin(t, () => reply('', 'X-Meshlane-Mirror: 1\r\n'));
    const listener = { name: 'in', port: 0, direction: 'inbound' };
    for (const trusted of [[], ['127.0.0.1']]) {
      const listeners = [
        { name: 'out', port: 0, direction: 'outbound' },
        { ...listener, forwarding: { trusted } },
      ];
      const proxy = await staticProxy(t, { appPort: app.port, spec: { listeners } });
      const answer = await ask(t, proxy.inboundPort, get('/', 'app', 'x-meshlane-mirror: 1\r\n'));
      t.equal(app.requests.at(-1)!.header('x-meshlane-mirror'), trusted.length === 0 ? undefined : '1');
      t.equal(answer.header('x-meshlane-mirror'), undefined);
    }
  },
);

t.test('a copy is not copied again', async (t) => {
  const app = await scriptedOrigin(t, () => reply('app'));
  const shadow = await scriptedOrigin(t, () => reply('shadow'));
  const resources = [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()];
  const forwarding = { application: [], trusted: ['127.0.0.1'] };
  const proxy = await staticProxy(t, {
    resources,
    spec: { listeners: [{ name: 'out', port: 0, direction: 'outbound', forwarding }] },
  });
  await ask(t, proxy.port, get('/', 'app', 'x-meshlane-mirror: 1\r\n'));
  await ask(t, proxy.port, get());
  await copied(proxy, 'sent', 1);
  t.equal(app.requests.length, 2);
  t.equal(shadow.requests.length, 1);
});

t.test('mirrors draw by their percentages, each for itself, of the requests of every backend', async (t) => {
  const app = await scriptedOrigin(t, () => reply());
  const shadow = await scriptedOrigin(t, () => reply());
  const mirrors = [
    { service: 'shadow', percent: 50 },
    { service: 'shadow', percent: 12.5, labels: { place: 'other' } },
  ];
  const backends = ['app-a', 'app-b'].map((name) => ({ service: name }));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app-a', app.port),
      ...serviceAt('app-b', app.port),
      service('shadow'),
      instance('shadow-0', 'shadow', shadow.port),
      instance('shadow-1', 'shadow', shadow.port, { labels: { place: 'other' } }),
      route('r', [{ backends, mirrors }], ['app']),
    ],
  });
  const count = 1000;
  const client = await rawClient(t, proxy.port);
  for (let i = 0; i < count; i++) {
    client.send(get());
    await client.reply();
  }
  await copied(proxy, 'sent', shadow.requests.length);
  t.ok(Math.abs(shadow.requests.length - 625) <= 10, `${shadow.requests.length} copies`);
});

t.test('neither an upgrade nor a CONNECT is copied', async (t) => {
  const app = await scriptedOrigin(t, ({ head }) =>
    head.startsWith('GET') ? 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n' : undefined,
  );
  const shadow = await scriptedOrigin(t, () => reply());
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
    spec: { listeners: [{ name: 'out', port: 0, direction: 'outbound', connect: true }] },
  });
  const upgrade = 'Connection: Upgrade\r\nUpgrade: chat\r\n';
  t.equal((await ask(t, proxy.port, get('/', 'app', upgrade))).status, 101);
  const target = `app:${app.port}`;
  t.equal(
    (await ask(t, proxy.port, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`, { bodyless: true })).status,
    200,
  );
  t.equal(await proxy.metric('meshlane_mirrored_requests_total'), 0);
  t.equal(shadow.connections.length, 0);
});

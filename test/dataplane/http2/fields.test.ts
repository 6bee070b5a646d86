import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { frameOrigin, replyFrames } from '../../harness/http2/frame-origin.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { ask, get } from '../harness/raw-client.ts';
import { service } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** What proxies say and take away themselves, on messages of HTTP/2. */

type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
};

const server = 2;
const client = 3;

async function spanSink(t: Owner) {
  const spans: Span[] = [];
  const sink = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const posted = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
    for (const { scopeSpans } of posted.resourceSpans) for (const { spans: more } of scopeSpans) spans.push(...more);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(sink, 'listening');
  t.teardown(() => {
    sink.closeAllConnections();
    sink.close();
  });
  return { spans, endpoint: `http://127.0.0.1:${(sink.address() as AddressInfo).port}` };
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const callerSpan = '00f067aa0ba902b7';

t.test('a trace goes on through two proxies with HTTP/2 all along, each request with spans of its own', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const app = await frameOrigin(t, ({ stream }) => replyFrames(stream));
  const spec = { tracing: { endpoint, sampleRatio: 0 } };
  const inner = await staticProxy(t, {
    resources: [service('app', 'http2')],
    appPort: app.port,
    spec,
  });
  const outer = await staticProxy(t, { resources: speaking('http2', inner.inboundPort), spec });
  const caller = await frameClient(t, outer.port);
  const sampled: Field[] = [
    ['traceparent', `00-${traceId}-${callerSpan}-01`],
    ['tracestate', 'a=b'],
  ];
  const count = 12; // so many that heads are known, and encoded, from before
  for (let i = 0; i < count; i++)
    t.match(await caller.reply(caller.request(requestFields('GET', '/', 'app', sampled))), { status: 200 });
  await until(() => spans.length === 2 * count);
  t.equal(new Set(spans.map(({ spanId }) => spanId)).size, 2 * count);
  const seen = app.requests.map((request) => [request.header('traceparent'), request.header('tracestate')]);
  t.equal(new Set(seen.map(String)).size, count);
  for (const [traceparent, tracestate] of seen) {
    const [, trace, spanId, flags] = traceparent!.split('-');
    t.strictSame([trace, flags, tracestate], [traceId, '01', 'a=b']);
    const inbound = spans.find((span) => span.spanId === spanId);
    const outbound = spans.find((span) => span.spanId === inbound?.parentSpanId);
    t.strictSame([inbound?.kind, outbound?.kind, outbound?.parentSpanId], [server, client, callerSpan]);
  }
});

t.test('a trace is begun for who has none, and B3 is understood and spoken on', async (t) => {
  const app = await frameOrigin(t, ({ stream }) => replyFrames(stream));
  const proxy = await staticProxy(t, { resources: speaking('http2', app.port) });
  const caller = await frameClient(t, proxy.port);
  const b3: Field[] = [['b3', `${traceId}-${callerSpan}-1`]];
  for (const more of [[], [], [], b3, b3, b3])
    await caller.reply(caller.request(requestFields('GET', '/', 'app', more)));
  const traces = app.requests.map(({ header }) => header('traceparent')!);
  for (const trace of traces.slice(0, 3)) t.match(trace, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  t.equal(new Set(traces.slice(0, 3)).size, 3);
  for (const { header } of app.requests.slice(3)) {
    t.equal(header('traceparent'), `00-${traceId}-${callerSpan}-01`);
    t.equal(header('b3'), `${traceId}-${callerSpan}-1`);
  }
});

t.test('who called is told to an instance of HTTP/2 as to any other, each time', async (t) => {
  const app = await frameOrigin(t, ({ stream }) => replyFrames(stream));
  const forwarding = { application: [], fields: 'both', via: 'edge' };
  const spec = { listeners: [{ name: 'out', port: 0, forwarding }] };
  const proxy = await staticProxy(t, { resources: speaking('http2', app.port), spec });
  const caller = await frameClient(t, proxy.port);
  const lies: Field[] = [
    ['x-forwarded-for', '192.0.2.1'],
    ['forwarded', 'for=192.0.2.1'],
    ['x-meshlane-reason', 'overloaded'],
    ['via', '1.1 gateway'],
  ];
  for (let i = 0; i < 4; i++) await caller.reply(caller.request(requestFields('GET', '/', 'app:81', lies)));
  await ask(t, proxy.port, get('/', 'app:81', 'X-Forwarded-For: 192.0.2.1\r\nVia: 1.1 gateway\r\n'));
  const told = (i: number) =>
    app.requests[i]!.fields.filter(([name]) => /forwarded|via|meshlane/.test(name)).map(
      ([name, value]) => `${name}: ${value}`,
    );
  const wanted = (version: string) => [
    'via: 1.1 gateway',
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-proto: http',
    'x-forwarded-host: app:81',
    'forwarded: for=127.0.0.1;proto=http;host="app:81"',
    `via: ${version} edge`,
  ];
  for (let i = 0; i < 4; i++) t.strictSame(told(i).sort(), wanted('2').sort());
  t.strictSame(told(4).sort(), wanted('1.1').sort());
  const looping = await caller.reply(caller.request(requestFields('GET', '/', 'app', [['via', '2 edge']])));
  t.equal(looping.status, 508);
});

t.test('an application may not speak in the name of the mesh, over either protocol', async (t) => {
  const old = await scriptedOrigin(t, () => reply('mine', 'X-Meshlane-Reason: overloaded\r\nX-Mine: 1\r\n', 503));
  const young = await frameOrigin(t, ({ stream }) =>
    replyFrames(stream, {
      status: 503,
      fields: [
        ['x-meshlane-reason', 'overloaded'],
        ['x-mine', '1'],
      ],
      body: 'mine',
      trailers: [
        ['x-meshlane-reason', 'overloaded'],
        ['x-last', '1'],
      ],
    }),
  );
  for (const [appPort, protocol] of [
    [old.port, 'http1'],
    [young.port, 'http2'],
  ] as const) {
    const proxy = await staticProxy(t, { resources: [service('app', protocol)], appPort });
    const caller = await frameClient(t, proxy.inboundPort);
    for (let i = 0; i < 4; i++) {
      const answer = await caller.reply(caller.request(requestFields('GET')));
      t.match(answer, { status: 503, end: 'whole' });
      t.strictSame(
        [...answer.fields, ...answer.trailers].map(([name]) => name).filter((name) => name.startsWith('x-')),
        protocol === 'http1' ? ['x-mine'] : ['x-mine', 'x-last'],
      );
    }
  }
});

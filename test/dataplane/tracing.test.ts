import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { until } from '../harness/until.ts';
import { mirroredRoute } from './harness/mirrored.ts';
import { ask, get } from './harness/raw-client.ts';
import { route, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { attributeOf, type Span, spanSink } from './harness/span-sink.ts';
import { staticProxy } from './harness/static-proxy.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const callerSpan = '00f067aa0ba902b7';
const traceparent = (flags: string) => `traceparent: 00-${traceId}-${callerSpan}-${flags}\r\n`;

t.test('a sampled trace is continued outbound with a CLIENT span for each try', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const origin = await scriptedOrigin(t, ({ index }) => reply('', '', index === 0 ? 503 : 200));
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { tracing: { endpoint, sampleRatio: 0 } },
  });
  await ask(t, proxy.port, get('/a', 'app', `${traceparent('01')}tracestate: a=b\r\n`));
  await until(() => spans.length === 2);
  const [first, second] = spans as [Span, Span];
  for (const [i, span] of [first, second].entries()) {
    t.equal(span.kind, 3);
    t.equal(span.traceId, traceId);
    t.equal(span.parentSpanId, callerSpan);
    t.equal(origin.requests[i]!.header('traceparent'), `00-${traceId}-${span.spanId}-01`);
    t.equal(origin.requests[i]!.header('tracestate'), 'a=b');
    t.equal(attributeOf(span, 'meshlane.instance'), 'app-0');
  }
  t.not(first.spanId, second.spanId);
  t.equal(attributeOf(first, 'http.response.status_code'), 503);
  t.equal(attributeOf(second, 'http.response.status_code'), 200);
  t.equal(attributeOf(second, 'http.request.resend_count'), 1);
});

t.test('the copy of a request that goes to a mirror has a CLIENT span of its own', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const app = await scriptedOrigin(t, () => reply('app'));
  const shadow = await scriptedOrigin(t, () => reply('shadow'));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
    spec: { tracing: { endpoint, sampleRatio: 0 } },
  });
  await ask(t, proxy.port, get('/a', 'app', `${traceparent('01')}tracestate: a=b\r\n`));
  await until(() => spans.length === 2);
  t.not(spans[0]!.spanId, spans[1]!.spanId);
  for (const [name, origin, rule] of [
    ['GET app', app, 'r/0'],
    ['GET shadow', shadow, 'r/0 (mirror)'],
  ] as const) {
    const span = spans.find((one) => one.name === name)!;
    t.equal(span.traceId, traceId);
    t.equal(span.parentSpanId, callerSpan);
    t.equal(attributeOf(span, 'meshlane.route'), rule);
    t.equal(origin.requests[0]!.header('traceparent'), `00-${traceId}-${span.spanId}-01`);
    t.equal(origin.requests[0]!.header('tracestate'), 'a=b');
  }
  await ask(t, proxy.port, get());
  await until(() => shadow.requests.length === 2);
  const ids = [app, shadow].map(({ requests }) => requests[1]!.header('traceparent')!.slice(3, 35));
  t.equal(ids[0], ids[1], 'a trace that begins here is that of the copy, too');
});

t.test('inbound has one SERVER span, parent of what the application sees', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const app = await scriptedOrigin(t, () => reply('ok'));
  const proxy = await staticProxy(t, { appPort: app.port, spec: { tracing: { endpoint, sampleRatio: 0 } } });
  await ask(t, proxy.inboundPort, get('/a', 'app', traceparent('01')));
  await until(() => spans.length === 1);
  const span = spans[0]!;
  t.equal(span.kind, 2);
  t.equal(span.parentSpanId, callerSpan);
  t.equal(app.requests[0]!.header('traceparent'), `00-${traceId}-${span.spanId}-01`);
});

t.test('a request that goes nowhere has a span of its own, too', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', await freePort()),
    appPort: await freePort(),
    spec: { tracing: { endpoint, sampleRatio: 0 } },
  });
  await ask(t, proxy.port, get('/a', 'nowhere', traceparent('01')));
  await until(() => spans.length === 1);
  t.equal(spans[0]!.parentSpanId, callerSpan);
  t.not(spans[0]!.spanId, callerSpan);
  t.equal(attributeOf(spans[0]!, 'error.type'), 'route_not_found');
  t.equal(attributeOf(spans[0]!, 'http.response.status_code'), 404);
  await ask(t, proxy.inboundPort, get('/a', 'app', traceparent('01')));
  await until(() => spans.length === 2);
  t.equal(spans[1]!.parentSpanId, callerSpan);
  t.not(spans[1]!.spanId, callerSpan);
  t.equal(attributeOf(spans[1]!, 'http.response.status_code'), 503);
});

t.test('spans have the path and host that were asked for, whatever filters make of them', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const rewrite = { hostname: 'b.test', path: { type: 'ReplaceFullPath', replaceFullPath: '/new' } };
  const rewritten = { filters: [{ type: 'URLRewrite', urlRewrite: rewrite }], backends: [{ service: 'app' }] };
  const redirected = { filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'b.test' } }] };
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      route('one', [rewritten], ['a.test']),
      route('two', [redirected], ['r.test']),
    ],
    spec: { tracing: { endpoint, sampleRatio: 0 } },
  });
  await ask(t, proxy.port, get('/a?b', 'a.test', traceparent('01')));
  await ask(t, proxy.port, get('/a?b', 'r.test', traceparent('01')));
  await until(() => spans.length === 2);
  t.match(origin.requests[0]!.head, /^GET \/new\?b HTTP\/1.1\r\nHost: b.test\r\n/);
  for (const [i, [host, status]] of [['a.test', 200] as const, ['r.test', 302] as const].entries()) {
    t.equal(attributeOf(spans[i]!, 'url.path'), '/a');
    t.equal(attributeOf(spans[i]!, 'server.address'), host);
    t.equal(attributeOf(spans[i]!, 'http.response.status_code'), status);
    t.equal(attributeOf(spans[i]!, 'error.type'), undefined, 'a redirect is no failure');
  }
});

t.test('an unsampled trace stays unsampled; one that is not valid is begun anew', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const origin = await scriptedOrigin(t, () => reply('ok'));
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { tracing: { endpoint, sampleRatio: 1 } },
  });
  await ask(t, proxy.port, get('/', 'app', traceparent('00')));
  t.match(origin.requests[0]!.header('traceparent'), new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  await ask(t, proxy.port, get('/', 'app', `traceparent: 00-${traceId}-xyz-01\r\n`));
  await ask(t, proxy.port, get());
  await until(() => spans.length === 2);
  for (const i of [1, 2]) {
    const seen = origin.requests[i]!.header('traceparent')!;
    t.match(seen, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    t.notOk(seen.includes(traceId));
  }
  t.notOk(spans[0]!.parentSpanId);
});

t.test('B3 is understood in both forms and spoken on', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const origin = await scriptedOrigin(t, () => reply('ok'));
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { tracing: { endpoint, sampleRatio: 0 } },
  });
  await ask(t, proxy.port, get('/', 'app', `b3: ${traceId}-${callerSpan}-1\r\n`));
  await ask(
    t,
    proxy.port,
    get(
      '/',
      'app',
      `X-B3-TraceId: ${traceId}\r\nX-B3-SpanId: ${callerSpan}\r\nX-B3-Sampled: 1\r\nX-B3-ParentSpanId: 0000000000000001\r\n`,
    ),
  );
  await until(() => spans.length === 2);
  for (const i of [0, 1]) {
    t.equal(spans[i]!.parentSpanId, callerSpan);
    t.equal(origin.requests[i]!.header('traceparent'), `00-${traceId}-${spans[i]!.spanId}-01`);
    t.equal(origin.requests[i]!.header('b3'), `${traceId}-${spans[i]!.spanId}-1`);
    t.notMatch(origin.requests[i]!.head, /x-b3-/i);
  }
});

t.test('a proxy that reports no spans hands the trace on as it came', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('ok'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), appPort: origin.port });
  await ask(t, proxy.port, get('/', 'app', traceparent('01')));
  await ask(t, proxy.inboundPort, get('/', 'app', traceparent('01')));
  for (const request of origin.requests) t.equal(request.header('traceparent'), `00-${traceId}-${callerSpan}-01`);
});

import t from 'tap';
import { type Collector, startCollector } from '../../../observability/collector/collector.ts';
import { epochMs, getTrace, getTraces, newSpanId, newTraceId, sendSpans, urlOf } from './spans.ts';

const get = async (collector: Collector, path: string) => {
  const response = await fetch(urlOf(collector.http) + path);
  return { response, body: (await response.json()) as Record<string, unknown> };
};

t.test('the trace list', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const [fast, slow, failed] = [newTraceId(), newTraceId(), newTraceId()];
  const rootId = newSpanId();
  await sendSpans(collector, 'web', { traceId: fast, name: 'fast', durationMs: 5 });
  await sendSpans(collector, 'web', { traceId: slow, spanId: rootId, name: 'slow', startMs: 1000, durationMs: 500 });
  await sendSpans(collector, 'cart', {
    traceId: slow,
    parentSpanId: rootId,
    name: 'inner',
    startMs: 1100,
    durationMs: 100,
  });
  await sendSpans(collector, 'cart', { traceId: failed, name: 'failed', startMs: 2000, durationMs: 50, isError: true });
  const names = async (query: string) => (await getTraces(collector, query)).map(({ root }) => root.name);

  t.test('has a summary per trace, latest first', async (t) => {
    t.same(await getTraces(collector), [
      {
        traceId: failed,
        root: { name: 'failed', service: 'cart' },
        startMs: epochMs + 2000,
        durationMs: 50,
        spanCount: 1,
        services: ['cart'],
        error: true,
      },
      {
        traceId: slow,
        root: { name: 'slow', service: 'web' },
        startMs: epochMs + 1000,
        durationMs: 500,
        spanCount: 2,
        services: ['cart', 'web'],
        error: false,
      },
      {
        traceId: fast,
        root: { name: 'fast', service: 'web' },
        startMs: epochMs,
        durationMs: 5,
        spanCount: 1,
        services: ['web'],
        error: false,
      },
    ]);
  });

  t.test('is filtered by service, duration, error and time, and cut at the limit', async (t) => {
    const cases: Readonly<Record<string, readonly string[]>> = {
      'service=cart': ['failed', 'slow'],
      'service=web': ['slow', 'fast'],
      'service=nobody': [],
      'service=': ['failed', 'slow', 'fast'],
      'minDurationMs=50': ['failed', 'slow'],
      'minDurationMs=50.5': ['slow'],
      'maxDurationMs=50': ['failed', 'fast'],
      'error=true': ['failed'],
      'error=false': ['slow', 'fast'],
      [`sinceMs=${epochMs + 1000}`]: ['failed', 'slow'],
      [`untilMs=${epochMs + 1000}`]: ['slow', 'fast'],
      'limit=1': ['failed'],
      'service=cart&error=false&limit=10': ['slow'],
    };
    for (const [query, expected] of Object.entries(cases)) t.same(await names(query), expected, query);
  });

  t.test('refuses a query it does not understand, with a pointer per fault', async (t) => {
    const { response, body } = await get(
      collector,
      '/api/traces?limit=0&minDurationMs=soon&error=maybe&sort=x&service=a&service=b',
    );
    t.equal(response.status, 400);
    t.match(response.headers.get('content-type'), /^application\/problem\+json/);
    t.same(
      (body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer),
      ['/limit', '/minDurationMs', '/error', '/sort', '/service'],
    );
    for (const limit of ['1001', '1.5', '-1', 'x', '1e3', '__proto__'])
      t.equal((await get(collector, `/api/traces?limit=${limit}`)).response.status, 400, limit);
    t.equal((await get(collector, '/api/traces?__proto__=1')).response.status, 400);
  });
});

t.test('one trace is found by its id in either case; a wrong or unknown one is a problem', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const traceId = newTraceId();
  await sendSpans(collector, 'web', { traceId, name: 'work' });
  t.equal((await getTrace(collector, traceId.toUpperCase()))?.spans[0]?.name, 'work');
  for (const [path, status] of [
    [`/api/traces/${newTraceId()}`, 404],
    ['/api/traces/nonsense', 400],
    ['/api/nothing', 404],
  ] as const) {
    const { response, body } = await get(collector, path);
    t.equal(response.status, status);
    t.match(response.headers.get('content-type'), /^application\/problem\+json/);
    t.match(body, { status, title: String, detail: String });
  }
});

t.test('tells its health, its readiness and its metrics', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  for (const path of ['/healthz', '/readyz']) t.equal((await fetch(urlOf(collector.http) + path)).status, 200, path);
  const metrics = await fetch(`${urlOf(collector.http)}/metrics`);
  t.match(metrics.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  t.match(await metrics.text(), /^# TYPE meshlane_collector_spans_received_total counter$/m);
});

t.test('serves the page under a policy that runs nothing but its own files', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/page.js', 'text/javascript'],
    ['/page.css', 'text/css'],
    ['/icon.svg', 'image/svg+xml'],
  ] as const) {
    const response = await fetch(urlOf(collector.http) + path);
    t.equal(response.status, 200, path);
    t.ok(response.headers.get('content-type')?.startsWith(type), path);
    t.match(response.headers.get('content-security-policy'), /default-src 'none'; script-src 'self'/);
    t.notMatch(await response.text(), /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, `${path} loads nothing from elsewhere`);
  }
});

t.test('lets go of its ports when it closes, even while clients keep connections', async (t) => {
  const first = await startCollector();
  await sendSpans(first, 'web', {});
  await getTraces(first);
  await first.close();
  const again = await startCollector({ otlpGrpc: first.otlpGrpc, otlpHttp: first.otlpHttp, http: first.http });
  t.teardown(again.close);
  t.equal((await getTraces(again)).length, 0);
});

t.test('names the port and the flag when a port is taken, and leaves none of the others open', async (t) => {
  const first = await startCollector();
  t.teardown(first.close);
  const cases = { otlpGrpc: '--otlp-grpc', otlpHttp: '--otlp-http', http: '--http' } as const;
  for (const [name, flag] of Object.entries(cases)) {
    const taken = first[name as keyof typeof cases];
    const error: Error = await startCollector({ [name]: taken }).then(
      () => t.fail('it started'),
      (reason) => reason,
    );
    t.match(error.message, new RegExp(`^port ${taken.port} on 127.0.0.1 is taken; .* another with ${flag}$`));
  }
});

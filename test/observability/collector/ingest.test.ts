import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { SimpleSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import t from 'tap';
import { startCollector } from '../../../observability/collector/collector.ts';
import { decodeAnswer, encodeTraces } from '../../../observability/collector/otlp.ts';
import { encodeSpans } from '../../../observability/tracing/otlp-json.ts';
import { until } from '../../harness/until.ts';
import {
  epochMs,
  getTrace,
  getTraces,
  metric,
  newSpanId,
  newTraceId,
  post,
  sendSpans,
  tracesOf,
  urlOf,
} from './spans.ts';

const bytes = (buffer: Buffer) => buffer as Uint8Array<ArrayBuffer>;

type Way = { readonly title: string; readonly metric: string; exporter(grpc: string, http: string): SpanExporter };
const compression = CompressionAlgorithm.GZIP;
const ways: readonly Way[] = [
  { title: 'gRPC', metric: 'grpc', exporter: (url) => new GrpcExporter({ url }) },
  { title: 'gRPC with gzip', metric: 'grpc', exporter: (url) => new GrpcExporter({ url, compression }) },
  { title: 'HTTP with protobuf', metric: 'http-protobuf', exporter: (_, url) => new ProtobufExporter({ url }) },
  {
    title: 'HTTP with gzipped protobuf',
    metric: 'http-protobuf',
    exporter: (_, url) => new ProtobufExporter({ url, compression }),
  },
  { title: 'HTTP with JSON', metric: 'http-json', exporter: (_, url) => new JsonExporter({ url }) },
  {
    title: 'HTTP with gzipped JSON',
    metric: 'http-json',
    exporter: (_, url) => new JsonExporter({ url, compression }),
  },
];

for (const way of ways) {
  t.test(`takes what the OpenTelemetry SDK sends over ${way.title}`, async (t) => {
    const collector = await startCollector();
    t.teardown(collector.close);
    const exporter = way.exporter(urlOf(collector.otlpGrpc), `${urlOf(collector.otlpHttp)}/v1/traces`);
    const provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'cart', 'service.version': '1.2.3' }),
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    });
    const span = provider.getTracer('a scope').startSpan('PUT /items', {
      kind: SpanKind.SERVER,
      startTime: epochMs,
      attributes: { text: 'ünï', whole: 42, half: 0.5, yes: true, list: ['a', 'b'] },
    });
    span.addEvent('exception', { 'exception.message': 'no stock' }, epochMs + 2);
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'sold out' });
    span.end(epochMs + 5);
    await provider.forceFlush();
    await provider.shutdown();

    const view = await until(() => getTrace(collector, span.spanContext().traceId));
    t.equal(view.spans.length, 1);
    t.match(view.spans[0], {
      spanId: span.spanContext().spanId,
      parentSpanId: '',
      name: 'PUT /items',
      service: 'cart',
      kind: 'server',
      scope: 'a scope',
      startMs: epochMs,
      offsetMs: 0,
      durationMs: 5,
      startTimeUnixNano: `${epochMs}000000`,
      status: { code: 'error', message: 'sold out' },
      attributes: { text: 'ünï', whole: 42, half: 0.5, yes: true, list: ['a', 'b'] },
      resource: { 'service.name': 'cart', 'service.version': '1.2.3' },
      events: [{ name: 'exception', offsetMs: 2, attributes: { 'exception.message': 'no stock' } }],
    });
    t.equal(await metric(collector, `spans_received_total{protocol="${way.metric}"}`), 1);
  });
}

t.test('takes the JSON that our own sidecars write', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const traceId = newTraceId();
  const record = {
    traceId,
    spanId: newSpanId(),
    parentSpanId: newSpanId(),
    name: 'GET',
    kind: 'client',
    startMs: epochMs + 0.25,
    endMs: epochMs + 1.75,
    isError: true,
    attributes: { 'http.response.status_code': 503 },
  } as const;
  const body = encodeSpans({ 'service.name': 'edge' }, [record]);
  const response = await post(collector, { body, headers: { 'content-type': 'application/json; charset=utf-8' } });
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'application/json');
  t.same(await response.json(), {});
  t.match((await getTrace(collector, traceId))?.spans, [
    { kind: 'client', service: 'edge', durationMs: 1.5, error: true, attributes: { 'http.response.status_code': 503 } },
  ]);
});

t.test('takes the good spans of a request and says how many it rejected, and why', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const good = newTraceId();
  const zeros = '0'.repeat(32);
  const traces = tracesOf('cart', { traceId: good }, { traceId: zeros, name: 'lost' }, { spanId: 'abcd' });
  const binary = await post(collector, { body: bytes(encodeTraces(traces)) });
  t.equal(binary.status, 200);
  t.match(decodeAnswer(Buffer.from(await binary.arrayBuffer())), {
    partialSuccess: { rejectedSpans: '2', errorMessage: /span "lost": traceId must be 16 bytes/ },
  });
  t.equal((await getTraces(collector)).length, 1);
  const text = JSON.stringify({
    resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: good, spanId: '', name: 'x' }] }] }],
  });
  const json = await post(collector, { body: text, headers: { 'content-type': 'application/json' } });
  t.match(await json.json(), { partialSuccess: { rejectedSpans: '1', errorMessage: /spanId must be 8 bytes/ } });
  t.equal(await metric(collector, 'spans_rejected_total{protocol="http-protobuf"}'), 2);
});

t.test('refuses what is not OTLP with the status, and with words that help', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({});
  const refusals: readonly [string, Promise<Response>, number, RegExp][] = [
    ['an unknown path', post(collector, { body, headers: json, path: '/v1/metrics' }), 404, /sent to \/v1\/traces/],
    ['another method', fetch(`${urlOf(collector.otlpHttp)}/v1/traces`), 405, /takes POST, not GET/],
    [
      'another content type',
      post(collector, { body, headers: { 'content-type': 'text/plain' } }),
      415,
      /must be application\/x-protobuf or application\/json; got "text\/plain"/,
    ],
    [
      'another coding',
      post(collector, { body, headers: { ...json, 'content-encoding': 'br' } }),
      415,
      /must be gzip or identity; got "br"/,
    ],
    ['no JSON', post(collector, { body: '{', headers: json }), 400, /not OTLP\/JSON/],
    [
      'a wrong type',
      post(collector, { body: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":7}]}]}]}', headers: json }),
      400,
      /\/resourceSpans\/0\/scopeSpans\/0\/spans\/0\/name must be a string/,
    ],
    [
      'a wrong id',
      post(collector, { body: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}', headers: json }),
      400,
      /traceId must be hex digits/,
    ],
    [
      'a time out of range',
      post(collector, {
        body: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}',
        headers: json,
      }),
      400,
      /startTimeUnixNano must be from 0/,
    ],
    ['no gzip', post(collector, { body: 'plain', headers: { ...json, 'content-encoding': 'gzip' } }), 400, /not gzip/],
    [
      'a body that is too large',
      post(collector, { body: new Uint8Array(17 * 1024 * 1024), headers: json }),
      413,
      /larger than 16777216 bytes/,
    ],
    [
      'a gzip bomb',
      post(collector, {
        body: bytes(gzipSync(Buffer.alloc(200 * 1024 * 1024))),
        headers: { ...json, 'content-encoding': 'gzip' },
      }),
      413,
      /inflated body is larger/,
    ],
  ];
  for (const [what, pending, status, words] of refusals) {
    const response = await pending;
    t.equal(response.status, status, what);
    t.match(await response.json(), { code: Number, message: words }, what);
  }
  const binary = await post(collector, { body: Uint8Array.of(0xff, 0xff) });
  t.equal(binary.status, 400);
  t.equal(binary.headers.get('content-type'), 'application/x-protobuf', 'a refusal speaks the encoding of the request');
  t.match(Buffer.from(await binary.arrayBuffer()).toString('latin1'), /not an ExportTraceServiceRequest/);
  await sendSpans(collector, 'cart', {});
  t.equal((await getTraces(collector)).length, 1, 'and goes on serving');
});

t.test('stops reading a body without a length at the bound', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const chunk = new Uint8Array(1024 * 1024);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => (sent++ < 40 ? controller.enqueue(chunk) : controller.close()),
  });
  const response = await fetch(`${urlOf(collector.otlpHttp)}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body,
    duplex: 'half',
  });
  t.equal(response.status, 413);
  await response.arrayBuffer();
});

t.test('answers a sender that reads only after it has sent too much, and keeps its connection', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const socket = connect(collector.otlpHttp.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.pause();
  const head = 'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n';
  socket.write(`${head}transfer-encoding: chunked\r\n\r\n`);
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1024 * 1024), Buffer.from('\r\n')]);
  for (let i = 0; i < 40; i++) if (!socket.write(chunk)) await once(socket, 'drain');
  socket.write(`0\r\n\r\n${head}content-length: 0\r\n\r\n`);
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  socket.resume();
  await until(() => /413 Payload Too Large[\s\S]*HTTP\/1.1 200 OK/.test(received));
});

t.test('asks senders to come back later when too much is on its way in', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const end = new AbortController();
  // Five bodies of 15 MiB that never end are more than it holds; the last one hears so.
  const answers = Array.from({ length: 5 }, () => {
    const body = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(new Uint8Array(15 * 1024 * 1024)),
    });
    const headers = { 'content-type': 'application/x-protobuf' };
    const url = `${urlOf(collector.otlpHttp)}/v1/traces`;
    return fetch(url, { method: 'POST', headers, body, duplex: 'half', signal: end.signal });
  });
  const refused = await Promise.any(answers);
  t.equal(refused.status, 503);
  t.equal(refused.headers.get('retry-after'), '1');
  t.equal(await metric(collector, 'requests_total{protocol="http-protobuf",result="overloaded"}'), 1);
  await sendSpans(collector, 'cart', {});
  t.equal((await getTraces(collector)).length, 1, 'small ones still fit');
  end.abort();
  await Promise.allSettled(answers);
});

t.test('takes many gzipped bodies without a length at once', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const send = async () => {
    const body = new Blob([bytes(gzipSync(encodeTraces(tracesOf('cart', {}))))]).stream();
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'GZIP' };
    const url = `${urlOf(collector.otlpHttp)}/v1/traces`;
    return (await fetch(url, { method: 'POST', headers, body, duplex: 'half' })).status;
  };
  t.same(new Set(await Promise.all(Array.from({ length: 50 }, send))), new Set([200]));
  t.equal((await getTraces(collector, 'limit=100')).length, 50);
});

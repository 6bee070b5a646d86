import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { startCollector } from '../../../observability/collector/collector.ts';
import type { Delivery, ExportTarget } from '../../../observability/collector/export-target.ts';
import { openExportTarget } from '../../../observability/collector/export-target.ts';
import { type ExporterLimits, SpanExporter } from '../../../observability/collector/exporter.ts';
import { decodeTraces, encodeTraces } from '../../../observability/collector/otlp.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { getTrace, getTraces, metric, newTraceId, post, sendSpans, tracesOf, urlOf } from './spans.ts';

const fast: Partial<ExporterLimits> = { backoffBaseMs: 20, backoffMostMs: 100, flushMs: 300 };

/** An endpoint that answers as it is told, and keeps what it got. */
async function endpoint(t: Owner, answer: (nth: number, response: ServerResponse) => void) {
  const got: { body: Buffer; atMs: number; request: IncomingMessage }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    got.push({ body: Buffer.concat(chunks), atMs: performance.now(), request });
    answer(got.length, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

for (const scheme of ['http', 'grpc'] as const) {
  t.test(`forwards to a second collector over ${scheme}, whatever encoding came in`, async (t) => {
    const second = await startCollector();
    t.teardown(second.close);
    const { host, port } = scheme === 'http' ? second.otlpHttp : second.otlpGrpc;
    const first = await startCollector({ exportUrl: `${scheme}://${host}:${port}` });
    t.teardown(first.close);
    const [binaryId, jsonId] = [newTraceId(), newTraceId()];
    await sendSpans(first, 'cart', { traceId: binaryId, isError: true, attributes: { a: 'b' } });
    const json = {
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: 'web' } },
              { key: 'n', value: { intValue: '-9007199254740993' } },
            ],
          },
          scopeSpans: [
            {
              scope: { name: 's', version: '1' },
              spans: [
                {
                  traceId: jsonId,
                  spanId: '00f067aa0ba902b7',
                  parentSpanId: '00f067aa0ba902b8',
                  name: 'x',
                  kind: 3,
                  startTimeUnixNano: '1790000000000000001',
                  endTimeUnixNano: '1790000000000000003',
                  attributes: [
                    { key: 'list', value: { arrayValue: { values: [{ doubleValue: 0.5 }, { boolValue: false }] } } },
                    { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { bytesValue: 'AAEC' } }] } } },
                  ],
                  events: [{ name: 'e', timeUnixNano: '1790000000000000002' }],
                  links: [{ traceId: binaryId, spanId: '00f067aa0ba902b9' }],
                  status: { code: 1 },
                },
              ],
            },
          ],
        },
      ],
    };
    await post(first, { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } });
    for (const traceId of [binaryId, jsonId]) {
      const there = await until(() => getTrace(second, traceId));
      t.same(there, await getTrace(first, traceId));
    }
    t.equal((await getTrace(second, jsonId))?.spans[0]?.startTimeUnixNano, '1790000000000000001');
    t.equal(await metric(first, 'export_batches_total{result="sent"}'), 2);
  });
}

t.test('forwards protobuf byte for byte', async (t) => {
  const sink = await endpoint(t, (_, response) => response.end());
  const collector = await startCollector({ exportUrl: sink.url });
  t.teardown(collector.close);
  const unknownField = Buffer.from('fa0f0568656c6c6f', 'hex');
  const body = Buffer.concat([encodeTraces(tracesOf('cart', {})), unknownField]);
  await post(collector, { body: body as Uint8Array<ArrayBuffer> });
  await until(() => sink.got.length === 1);
  t.same(sink.got[0]?.body, body);
  t.equal(sink.got[0]?.request.url, '/v1/traces');
  t.equal(sink.got[0]?.request.headers['content-type'], 'application/x-protobuf');
});

for (const scheme of ['http', 'grpc'] as const) {
  t.test(`keeps what an endpoint that is down cannot take, and delivers it over ${scheme} when it is up`, async (t) => {
    const port = await freePort();
    const told: string[] = [];
    const first = await startCollector({
      exportUrl: `${scheme}://127.0.0.1:${port}`,
      exporter: { limits: fast, onChange: (text) => told.push(text) },
    });
    t.teardown(first.close);
    const ids = Array.from({ length: 30 }, newTraceId);
    for (const traceId of ids) await sendSpans(first, 'cart', { traceId });
    await until(async () => (await metric(first, 'export_retries_total')) >= 2);
    t.equal((await getTraces(first)).length, 30, 'and shows it meanwhile');
    const address = { host: '127.0.0.1', port };
    const second = await startCollector(scheme === 'http' ? { otlpHttp: address } : { otlpGrpc: address });
    t.teardown(second.close);
    await until(async () => (await getTraces(second, 'limit=1000')).length === 30, { timeoutMs: 20_000 });
    t.equal(await metric(first, 'export_batches_total{result="sent"}'), 30);
    t.equal(told.length, 2, 'it told once that the endpoint is down, and once that it is up');
    t.match(told[0], /does not take spans: /);
    t.match(told[1], /takes spans$/);
  });
}

t.test('an endpoint that never answers does not slow those who send', async (t) => {
  const sink = await endpoint(t, () => undefined);
  const collector = await startCollector({ exportUrl: sink.url, exporter: { limits: { ...fast, maxBatches: 10 } } });
  const beganMs = performance.now();
  for (let i = 0; i < 200; i++) await sendSpans(collector, 'cart', {});
  t.ok(performance.now() - beganMs < 5_000);
  t.equal((await getTraces(collector, 'limit=1000')).length, 200);
  t.equal(await metric(collector, 'export_queue_batches'), 10);
  t.equal(await metric(collector, 'export_batches_total{result="dropped_queue_full"}'), 189);
  const closingMs = performance.now();
  await collector.close();
  t.ok(performance.now() - closingMs < 3_000, 'nor does it hold up the end');
});

t.test('waits as long as Retry-After asks before it sends again', async (t) => {
  const sink = await endpoint(t, (nth, response) => {
    if (nth === 1) response.writeHead(429, { 'retry-after': '1' });
    response.end();
  });
  const collector = await startCollector({ exportUrl: sink.url, exporter: { limits: fast } });
  t.teardown(collector.close);
  await sendSpans(collector, 'cart', {});
  await until(() => sink.got.length === 2);
  t.ok(sink.got[1]!.atMs - sink.got[0]!.atMs >= 990);
  t.same(sink.got[1]?.body, sink.got[0]?.body);
});

t.test('gives up at once what the endpoint refuses for good', async (t) => {
  const sink = await endpoint(t, (_, response) => response.writeHead(400).end());
  const collector = await startCollector({ exportUrl: sink.url, exporter: { limits: fast } });
  t.teardown(collector.close);
  await sendSpans(collector, 'cart', {});
  await until(async () => (await metric(collector, 'export_batches_total{result="dropped_refused"}')) === 1);
  t.equal(sink.got.length, 1);
});

/** A target whose answers the test gives. */
class ScriptedTarget implements ExportTarget {
  readonly url = 'test://target';
  readonly sent: Buffer[] = [];
  readonly #answer: (body: Buffer, nth: number) => Delivery | Promise<Delivery>;

  constructor(answer: (body: Buffer, nth: number) => Delivery | Promise<Delivery>) {
    this.#answer = answer;
  }

  async send(body: Buffer): Promise<Delivery> {
    this.sent.push(body);
    return this.#answer(body, this.sent.length);
  }

  async close(): Promise<void> {}
}

const taken: Delivery = { outcome: 'taken', rejectedSpans: 0 };
const batch = (name: string) => encodeTraces(tracesOf(name, {}));

t.test('puts what waits together into one message that says the same', async (t) => {
  const gate = Promise.withResolvers<void>();
  const target = new ScriptedTarget(async (_, nth) => {
    if (nth === 1) await gate.promise;
    return taken;
  });
  const exporter = new SpanExporter(target);
  for (const name of ['a', 'b', 'c']) exporter.offer(batch(name));
  gate.resolve();
  await exporter.close();
  t.equal(target.sent.length, 2);
  t.equal(decodeTraces(target.sent[1]!).resourceSpans?.length, 2);
  t.equal(exporter.counts.sent, 3);
});

t.test('sends each batch alone when the endpoint refuses several at once', async (t) => {
  const gate = Promise.withResolvers<void>();
  const poison = batch('poison');
  const target = new ScriptedTarget(async (body, nth) => {
    if (nth === 1) await gate.promise;
    return body.includes('poison') ? { outcome: 'refused', reason: 'HTTP 400' } : taken;
  });
  const exporter = new SpanExporter(target);
  for (const body of [batch('first'), batch('a'), poison, batch('b')]) exporter.offer(body);
  gate.resolve();
  await exporter.close();
  t.equal(exporter.counts.sent, 3);
  t.equal(exporter.counts.droppedRefused, 1);
});

t.test('holds both bounds of the queue, and lets the oldest go', async (t) => {
  const gate = Promise.withResolvers<void>();
  const target = new ScriptedTarget(async (_, nth) => {
    if (nth === 1) await gate.promise;
    return taken;
  });
  const size = batch('0').length;
  const exporter = new SpanExporter(target, { limits: { maxBatches: 5, maxBytes: 3 * size } });
  for (const name of '0123456') exporter.offer(batch(name));
  t.equal(exporter.queuedBatches, 3, 'the first is on its way, three fit');
  t.equal(exporter.queuedBytes, 3 * size);
  t.equal(exporter.counts.droppedQueueFull, 3);
  exporter.offer(Buffer.alloc(3 * size + 1));
  t.equal(exporter.queuedBatches, 3, 'what can never fit drives nothing out');
  gate.resolve();
  await exporter.close();
  const services = decodeTraces(target.sent[1]!).resourceSpans?.map(
    ({ resource }) => resource?.attributes?.[0]?.value?.stringValue,
  );
  t.same(services, ['4', '5', '6']);
  exporter.offer(batch('late'));
  t.equal(exporter.counts.droppedAtClose, 1);
});

const again: Delivery = { outcome: 'again', reason: 'HTTP 503', afterMs: 0 };

t.test('gives up a message when its time has passed', async (t) => {
  let nowMs = 0;
  const exporter = new SpanExporter(
    new ScriptedTarget(() => {
      nowMs += 20;
      return again;
    }),
    {
      limits: { backoffBaseMs: 1, giveUpMs: 60 },
      clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
      random: () => 0.5,
    },
  );
  t.teardown(() => exporter.close());
  exporter.offer(batch('a'));
  await until(() => exporter.counts.droppedGaveUp === 1);
  t.equal(exporter.counts.retries, 2);
});

t.test('waits longer and longer between attempts, up to a bound, and anything less by chance', async (t) => {
  for (const [chance, gaps] of [
    [1, [10, 20, 40, 40]],
    [0, [0, 0, 0, 0]],
  ] as const) {
    const sentMs: number[] = [];
    const target = new ScriptedTarget((_, nth) => {
      sentMs.push(performance.now());
      return nth < 5 ? again : taken;
    });
    const exporter = new SpanExporter(target, {
      limits: { backoffBaseMs: 10, backoffMostMs: 40 },
      random: () => chance,
    });
    exporter.offer(batch('a'));
    await until(() => exporter.counts.sent === 1);
    await exporter.close();
    for (const [i, gap] of gaps.entries()) t.ok(sentMs[i + 1]! - sentMs[i]! >= gap - 1, `gap ${i} of ${gap} ms`);
    if (chance === 0) t.ok(sentMs[4]! - sentMs[0]! < 1000);
  }
});

t.test('knows which gRPC answers are worth another try', async (t) => {
  const answers: Partial<grpc.ServiceError>[] = [
    { code: grpc.status.UNAVAILABLE },
    { code: grpc.status.RESOURCE_EXHAUSTED },
    { code: grpc.status.INVALID_ARGUMENT },
    { code: grpc.status.UNIMPLEMENTED },
    { code: grpc.status.RESOURCE_EXHAUSTED, metadata: retryInfo(1, 500_000_000) },
  ];
  const server = new grpc.Server();
  const raw = (bytes: Buffer) => bytes;
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  server.addService(
    {
      Export: {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: raw,
        requestDeserialize: raw,
        responseSerialize: raw,
        responseDeserialize: raw,
      },
    },
    { Export: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(answers.shift()!) },
  );
  const port = await new Promise((resolve) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
  );
  t.teardown(() => server.forceShutdown());
  const target = openExportTarget(`grpc://127.0.0.1:${port}`);
  t.teardown(() => target.close());
  const { signal } = new AbortController();
  const outcomes = [];
  for (let i = 0; i < 5; i++) outcomes.push(await target.send(batch('a'), signal));
  t.match(outcomes, [
    { outcome: 'again', afterMs: 0, reason: /^gRPC UNAVAILABLE/ },
    { outcome: 'refused' },
    { outcome: 'refused' },
    { outcome: 'refused' },
    { outcome: 'again', afterMs: 1500 },
  ]);
});

/** google.rpc.Status with a RetryInfo, written by hand. */
function retryInfo(seconds: number, nanos: number): grpc.Metadata {
  const sized = (tag: number, content: Uint8Array) => Buffer.concat([Buffer.of(tag, content.length), content]);
  const digits: number[] = [];
  for (let rest = nanos; rest > 0; rest = Math.floor(rest / 128)) digits.push((rest % 128) | (rest >= 128 ? 128 : 0));
  const delay = sized(0x0a, Buffer.of(0x08, seconds, 0x10, ...digits));
  const detail = Buffer.concat([
    sized(0x0a, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')),
    sized(0x12, delay),
  ]);
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', Buffer.concat([Buffer.of(0x08, 8), sized(0x1a, detail)]));
  return metadata;
}

t.test('refuses an export URL that is none, or that leads back to itself', async (t) => {
  for (const url of ['localhost:4317', 'ftp://x:1', 'http://', 'nonsense', ''])
    await t.rejects(startCollector({ exportUrl: url }), /--export must be http:\/\/HOST:PORT/, url);
  const port = await freePort();
  const otlpHttp = { host: '127.0.0.1', port };
  await t.rejects(startCollector({ otlpHttp, exportUrl: `http://localhost:${port}` }), /is this collector itself/);
});

t.test('delivers what waits before it ends', async (t) => {
  const second = await startCollector();
  t.teardown(second.close);
  const first = await startCollector({ exportUrl: urlOf(second.otlpHttp) });
  for (let i = 0; i < 50; i++) await sendSpans(first, 'cart', {});
  await first.close();
  t.equal((await getTraces(second)).length, 50);
});

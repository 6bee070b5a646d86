import t, { type Test } from 'tap';
import { startCollector } from '../../../observability/collector/collector.ts';
import { freePort } from '../../harness/free-port.ts';
import { type Jaeger, startJaeger } from '../../harness/jaeger/jaeger.ts';
import { skipWithout } from '../../harness/peers.ts';
import { epochMs, metric, newSpanId, newTraceId, type SpanWish, sendSpans } from './spans.ts';

type Sent = { readonly traceId: string; readonly rootId: string; readonly childId: string };

async function sendOrder(collector: Parameters<typeof sendSpans>[0]): Promise<Sent> {
  const [traceId, rootId, childId] = [newTraceId(), newSpanId(), newSpanId()];
  const child: SpanWish = {
    traceId,
    spanId: childId,
    parentSpanId: rootId,
    name: 'reserve',
    startMs: 2,
    durationMs: 5,
    isError: true,
  };
  await sendSpans(collector, 'order', { traceId, spanId: rootId, name: 'POST /orders', durationMs: 10 });
  await sendSpans(collector, 'inventory', child);
  return { traceId, rootId, childId };
}

async function checkInJaeger(t: Test, jaeger: Jaeger, { traceId, rootId, childId }: Sent): Promise<void> {
  const { spans, processes } = await jaeger.trace(traceId, 2);
  const byId = new Map(spans.map((span) => [span.spanID, span]));
  const [root, child] = [byId.get(rootId)!, byId.get(childId)!];
  t.equal(processes[root.processID]?.serviceName, 'order');
  t.equal(processes[child.processID]?.serviceName, 'inventory');
  t.match(root, { operationName: 'POST /orders', startTime: epochMs * 1000, duration: 10_000, references: [] });
  t.match(child, { operationName: 'reserve', duration: 5_000, references: [{ refType: 'CHILD_OF', spanID: rootId }] });
  const tags = new Map(child.tags.map(({ key, value }) => [key, value]));
  t.equal(tags.get('span.kind'), 'server');
  t.equal(tags.get('error'), true);
}

t.test('what came in is read back from a real Jaeger', await skipWithout('jaeger'), async (t) => {
  const jaeger = await startJaeger(t);
  for (const exportUrl of [`http://${jaeger.otlpHttp}`, `grpc://${jaeger.otlpGrpc}`]) {
    const collector = await startCollector({ exportUrl });
    t.teardown(collector.close);
    await checkInJaeger(t, jaeger, await sendOrder(collector));
  }
});

t.test('a Jaeger that comes late, or again, still gets what was sent', await skipWithout('jaeger'), async (t) => {
  const ports = { otlpGrpc: await freePort(), otlpHttp: await freePort() };
  const collector = await startCollector({
    exportUrl: `http://127.0.0.1:${ports.otlpHttp}`,
    exporter: { limits: { backoffBaseMs: 20, backoffMostMs: 200 } },
  });
  t.teardown(collector.close);
  const early = await sendOrder(collector);
  const first = await startJaeger(t, ports);
  await checkInJaeger(t, first, early);
  await first.process.kill9();
  const between = await sendOrder(collector);
  const second = await startJaeger(t, ports);
  await checkInJaeger(t, second, between);
  t.equal(await metric(collector, 'export_batches_total{result="sent"}'), 4);
});

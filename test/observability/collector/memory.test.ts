import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Intake } from '../../../observability/collector/intake.ts';
import { encodeTraces } from '../../../observability/collector/otlp.ts';
import { TraceStore } from '../../../observability/collector/trace-store.ts';
import { newSpanId, newTraceId } from './spans.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const longChars = 1024 * 1024;
const rounds = 24;

/** A request that is as large as `big` is, in every place that a span keeps text from. */
function request(big: string): object {
  const attributes = [
    { key: 'short', value: { stringValue: 'a short value' } },
    { key: big, value: { stringValue: big } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: big }] } } },
  ];
  const span = { name: big, status: { message: big }, attributes, events: [{ name: big, attributes }] };
  return { resource: { attributes }, scopeSpans: [{ scope: { name: big }, spans: [span] }] };
}

const withIds = (group: object, traceId: string | Buffer, spanId: string | Buffer) => {
  const copy = structuredClone(group) as { scopeSpans: { spans: Record<string, unknown>[] }[] };
  Object.assign(copy.scopeSpans[0]!.spans[0]!, { traceId, spanId });
  return { resourceSpans: [copy] };
};

const ways = {
  'http-json': (group: object) => Buffer.from(JSON.stringify(withIds(group, newTraceId(), newSpanId()))),
  grpc: (group: object) => {
    const request = withIds(group, '', '');
    const span = request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!;
    span['traceId'] = Buffer.from(newTraceId(), 'hex');
    span['spanId'] = Buffer.from(newSpanId(), 'hex');
    return encodeTraces(request);
  },
} as const;

for (const way of ['http-json', 'grpc'] as const) {
  t.test(`a span kept of a large ${way} request does not keep the request`, async (t) => {
    const store = new TraceStore();
    const intake = new Intake(store, null);
    const group = request('x'.repeat(longChars / 8));
    intake.receive(ways[way](group), way);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < rounds; i++) intake.receive(ways[way](group), way);
    collectGarbage();
    const grownBytes = process.memoryUsage().heapUsed - before;
    t.equal(store.spanCount, rounds + 1);
    t.ok(grownBytes < 2 * store.sizeBytes, `${grownBytes} bytes for spans estimated at ${store.sizeBytes}`);
  });
}

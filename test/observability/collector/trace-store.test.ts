import t from 'tap';
import { readSpans, type Span } from '../../../observability/collector/span.ts';
import { TraceStore } from '../../../observability/collector/trace-store.ts';
import { listServices, viewTrace } from '../../../observability/collector/trace-view.ts';
import { newSpanId, newTraceId, type SpanWish, tracesOf } from './spans.ts';

function spansOf(...wishes: SpanWish[]): readonly Span[] {
  return readSpans(tracesOf('shop', ...wishes)).spans;
}

function fill(store: TraceStore, spans: readonly Span[]): void {
  for (const span of spans) store.add(span);
}

t.test('keeps as many traces as it may, and lets the oldest go first', async (t) => {
  const store = new TraceStore({ maxTraces: 3 });
  const ids = Array.from({ length: 5 }, newTraceId);
  fill(store, spansOf(...ids.slice(0, 3).map((traceId) => ({ traceId }))));
  t.equal(store.traceCount, 3);
  t.equal(store.counts.evictedTraces, 0, 'nothing leaves at the bound');
  fill(store, spansOf(...ids.slice(3).map((traceId) => ({ traceId }))));
  t.same(
    [...store.traces()].map(({ traceId }) => traceId),
    ids.slice(2),
  );
  t.equal(store.counts.evictedTraces, 2);
  t.equal(store.spanCount, 3);
});

t.test('takes as many spans of a trace as a trace may have', async (t) => {
  const store = new TraceStore({ maxSpansPerTrace: 4 });
  const traceId = newTraceId();
  fill(store, spansOf(...Array.from({ length: 6 }, () => ({ traceId }))));
  t.equal(store.get(traceId)?.spans.size, 4);
  t.equal(store.counts.traceFull, 2);
  t.equal(store.counts.kept, 4);
});

t.test('never holds more bytes than it may, and counts what left', async (t) => {
  const spans = spansOf(...Array.from({ length: 50 }, (_, i) => ({ name: 'x'.repeat(i * 20) })));
  const maxBytes = spans.slice(0, 10).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const store = new TraceStore({ maxBytes });
  fill(store, spans.slice(0, 10));
  t.equal(store.traceCount, 10, 'fills up to the last byte');
  t.equal(store.sizeBytes, maxBytes);
  for (const span of spans.slice(10)) {
    store.add(span);
    t.ok(store.sizeBytes <= maxBytes);
  }
  t.equal(
    store.sizeBytes,
    [...store.traces()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  t.equal(store.counts.evictedTraces + store.traceCount, 50);
});

t.test('does not evict a trace to make room for itself, nor everything for one giant', async (t) => {
  const traceId = newTraceId();
  const [small, other] = [spansOf({ traceId })[0]!, spansOf({})[0]!];
  const giant = spansOf({
    traceId,
    attributes: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 'v'.repeat(4000)])),
  })[0]!;
  const store = new TraceStore({ maxBytes: small.sizeBytes + other.sizeBytes });
  fill(store, [small, other, giant]);
  t.equal(store.counts.tooLarge, 1);
  t.equal(store.traceCount, 2);
  fill(store, spansOf({ traceId, name: 'work' }));
  t.equal(store.get(traceId)?.spans.size, 2, 'the trace grows at the cost of the other');
  t.equal(store.get(other.traceId), undefined);
});

t.test('counts a span that comes twice once', async (t) => {
  const store = new TraceStore();
  const wish = { traceId: newTraceId(), spanId: newSpanId() };
  fill(store, spansOf(wish, wish));
  t.equal(store.spanCount, 1);
  t.equal(store.counts.duplicates, 1);
});

t.test('shows spans in depth order, whatever order they came in', async (t) => {
  const store = new TraceStore();
  const traceId = newTraceId();
  const [a, b, c, d, e] = Array.from({ length: 5 }, newSpanId) as [string, string, string, string, string];
  fill(
    store,
    spansOf(
      { traceId, spanId: e, parentSpanId: newSpanId(), name: 'orphan', startMs: 9 },
      { traceId, spanId: d, parentSpanId: b, name: 'grandchild', startMs: 2 },
      { traceId, spanId: c, parentSpanId: a, name: 'second child', startMs: 5 },
      { traceId, spanId: b, parentSpanId: a, name: 'first child', startMs: 1 },
      { traceId, spanId: a, name: 'root', startMs: 0, durationMs: 8 },
    ),
  );
  const view = viewTrace(store.get(traceId)!);
  t.same(
    view.spans.map(({ name, depth }) => `${depth} ${name}`),
    ['0 root', '1 first child', '2 grandchild', '1 second child', '0 orphan'],
  );
  t.same(
    view.spans.map(({ isParentMissing }) => isParentMissing),
    [false, false, false, false, true],
  );
  t.equal(view.root.name, 'root');
  t.equal(view.durationMs, 10);
});

t.test('shows every span of a trace whose parents run in a circle, and of a very deep one', async (t) => {
  const store = new TraceStore({ maxSpansPerTrace: 20_000 });
  const traceId = newTraceId();
  const [a, b, c] = [newSpanId(), newSpanId(), newSpanId()];
  fill(
    store,
    spansOf(
      { traceId, spanId: a, parentSpanId: b },
      { traceId, spanId: b, parentSpanId: a },
      { traceId, spanId: c, parentSpanId: c },
    ),
  );
  t.same(new Set(viewTrace(store.get(traceId)!).spans.map(({ spanId }) => spanId)), new Set([a, b, c]));

  const deep = newTraceId();
  const ids = Array.from({ length: 20_000 }, newSpanId);
  fill(
    store,
    spansOf(
      ...ids.map((spanId, i) => ({
        traceId: deep,
        spanId,
        ...(i > 0 ? { parentSpanId: ids[i - 1]! } : {}),
        startMs: i,
      })),
    ),
  );
  t.equal(viewTrace(store.get(deep)!).spans.at(-1)?.depth, 19_999);
});

t.test('keeps an attribute named __proto__ as nothing but an attribute', async (t) => {
  const [span] = spansOf({ attributes: { ['__proto__']: 'polluted', constructor: 'x' } });
  t.equal(JSON.stringify(span!.attributes), '{"__proto__":"polluted","constructor":"x"}');
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

t.test('cuts what is too long to be looked at', async (t) => {
  const [span] = spansOf({
    name: 'n'.repeat(10_000),
    attributes: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, 'v'])),
  });
  t.equal(span!.name.length, 4096);
  t.equal(Object.keys(span!.attributes).length, 128);
  t.ok(span!.sizeBytes > 2 * 4096);
});

t.test('lists services with the traces and spans they are in', async (t) => {
  const store = new TraceStore();
  const traceId = newTraceId();
  fill(store, readSpans(tracesOf('b', { traceId }, { traceId }, {})).spans);
  fill(store, readSpans(tracesOf('a', { traceId })).spans);
  t.same(listServices(store), [
    { name: 'a', traceCount: 1, spanCount: 1 },
    { name: 'b', traceCount: 2, spanCount: 3 },
  ]);
});

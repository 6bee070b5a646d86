import t from 'tap';
import { newTraceMarkMemory, TraceMarks } from '../../../dataplane/pipeline/trace-marks.ts';
import { TraceContext } from '../../../observability/tracing/trace-context.ts';

function newTrace(): TraceContext {
  const trace = new TraceContext();
  trace.begin(false);
  return trace;
}

/** The same trace one hop on. */
function nextHop(trace: TraceContext): TraceContext {
  const next = new TraceContext();
  next.accept(trace.bytes, 0, trace.bytes.length);
  next.newSpan();
  return next;
}

t.test('a mark is seen by all workers, for the same trace and for a while', async (t) => {
  const memory = newTraceMarkMemory();
  const one = new TraceMarks(memory, 0);
  const other = new TraceMarks(memory, 5000);
  const trace = newTrace();
  t.notOk(other.retries.has(nextHop(trace), 20_000));
  one.retries.mark(trace, 25_000);
  t.ok(other.retries.has(nextHop(trace), 20_000));
  t.ok(one.retries.has(trace, 35_000));
  t.notOk(one.retries.has(trace, 35_001), 'ten seconds');
  t.notOk(one.retries.has(newTrace(), 25_000), 'another trace');
  t.notOk(one.failures.has(trace, 25_000), 'another mark');
});

t.test('of many traces the last ones are known', async (t) => {
  const marks = new TraceMarks(newTraceMarkMemory(), 0);
  const traces = Array.from({ length: 1000 }, newTrace);
  for (const trace of traces) marks.failures.mark(trace, 20_000);
  const known = traces.filter((trace) => marks.failures.has(trace, 20_000));
  t.ok(known.length > 900, `${known.length} of 1000`);
  t.equal(Array.from({ length: 1000 }, newTrace).filter((trace) => marks.failures.has(trace, 20_000)).length, 0);
});

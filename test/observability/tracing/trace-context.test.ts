import t from 'tap';
import { TraceContext } from '../../../observability/tracing/trace-context.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';
const accept = (text: string) => {
  const context = new TraceContext();
  const bytes = Buffer.from(`x${text}y`, 'latin1');
  return context.accept(bytes, 1, bytes.length - 1) ? context : null;
};

t.test('a valid traceparent is taken over', async (t) => {
  const context = accept(`00-${trace}-${span}-01`)!;
  t.equal(context.traceId, trace);
  t.equal(context.parentId, span);
  t.ok(context.isSampled);
  t.equal(context.bytes.toString(), `00-${trace}-${span}-01`);
  context.newSpan();
  t.not(context.spanId, span);
  t.match(context.bytes.toString(), new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
  t.equal(context.parentId, span);
  t.notOk(accept(`00-${trace}-${span}-00`)!.isSampled);
  t.ok(accept(`00-${trace}-${span}-ff`)!.isSampled, 'unknown flags are passed over');
  t.notOk(accept(`00-${trace}-${span}-fe`)!.isSampled);
});

t.test('a later version is read as far as it is known', async (t) => {
  t.equal(accept(`cc-${trace}-${span}-01`)?.bytes.toString(), `00-${trace}-${span}-01`);
  t.ok(accept(`cc-${trace}-${span}-01-more`));
  t.notOk(accept(`cc-${trace}-${span}-01more`));
  t.notOk(accept(`ff-${trace}-${span}-01`));
});

t.test('a traceparent that is not valid is refused', async (t) => {
  for (const text of [
    '',
    `00-${trace}-${span}`,
    `00-${trace}-${span}-0`,
    `00-${trace}-${span}-01-more`,
    `00-${trace}-${span}-011`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span.replace('f', 'F')}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.replace('4', 'g')}-${span}-01`,
    `00_${trace}-${span}-01`,
    `00-${trace}_${span}-01`,
    `00-${trace}-${span}_01`,
    `00-${trace}-${span}-0g`,
    `0x-${trace}-${span}-01`,
    `0-${trace}0-${span}-01`,
  ])
    t.equal(accept(text), null, text);
});

t.test('a trace of our own has ids that are not zero and not the same', async (t) => {
  const context = new TraceContext();
  const seen = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    context.begin(i % 2 === 0);
    t.match(context.bytes.toString(), i % 2 === 0 ? /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/ : /-00$/);
    seen.add(context.traceId);
    seen.add(context.spanId);
  }
  t.equal(seen.size, 2000);
  t.equal(context.parentId, '');
});

t.test('B3 ids of both lengths and cases are taken over; others are refused', async (t) => {
  const context = new TraceContext();
  t.ok(context.acceptB3(trace, span, true));
  t.equal(context.bytes.toString(), `00-${trace}-${span}-01`);
  t.equal(context.b3, `${trace}-${span}-1`);
  t.ok(context.acceptB3('A3CE929D0E0E4736', span, false));
  t.equal(context.traceId, '0000000000000000a3ce929d0e0e4736');
  t.equal(context.b3, `0000000000000000a3ce929d0e0e4736-${span}-0`);
  for (const [traceId, spanId] of [
    ['', span],
    [trace, ''],
    [`${trace}0`, span],
    [trace, `${span}0`],
    ['0'.repeat(32), span],
    [trace, '0'.repeat(16)],
    [trace.replace('4', 'x'), span],
  ] as const)
    t.notOk(new TraceContext().acceptB3(traceId, spanId, true), `${traceId}-${spanId}`);
  t.ok(context.accept(Buffer.from(`00-${trace}-${span}-01`), 0, 55));
  t.notOk(context.isB3);
});

import t from 'tap';
import { encodeSpans } from '../../../observability/tracing/otlp-json.ts';
import type { SpanRecord } from '../../../observability/tracing/span.ts';

/** The plain way: objects, and JSON.stringify. */
function plainly(resource: Record<string, string>, spans: readonly SpanRecord[]): object {
  const attributes = (values: Readonly<Record<string, string | number>>) =>
    Object.entries(values).map(([key, value]) => ({
      key,
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
    }));
  return {
    resourceSpans: [
      {
        resource: { attributes: attributes(resource) },
        scopeSpans: [
          {
            scope: { name: 'meshlane' },
            spans: spans.map((span) => ({
              traceId: span.traceId,
              spanId: span.spanId,
              ...(span.parentSpanId === '' ? {} : { parentSpanId: span.parentSpanId }),
              name: span.name,
              kind: span.kind === 'server' ? 2 : 3,
              startTimeUnixNano: `${BigInt(Math.floor(span.startMs)) * 1_000_000n + BigInt(Math.floor((span.startMs % 1) * 1e6))}`,
              endTimeUnixNano: `${BigInt(Math.floor(span.endMs)) * 1_000_000n + BigInt(Math.floor((span.endMs % 1) * 1e6))}`,
              attributes: attributes(span.attributes),
              ...(span.isError ? { status: { code: 2 } } : {}),
            })),
          },
        ],
      },
    ],
  };
}

const span: SpanRecord = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'GET cart',
  kind: 'client',
  startMs: 1_700_000_000_000.25,
  endMs: 1_700_000_000_003.5,
  isError: false,
  attributes: { 'http.request.method': 'GET', 'http.response.status_code': 200 },
};

t.test(
  'the text is what JSON.stringify would make of the objects, whatever callers put into names and paths',
  async (t) => {
    const hostile = 'a"b\\c\n\r\t\u0000\u001f\u2028é\ud800😀</script>,"x":{}';
    const spans: SpanRecord[] = [
      span,
      { ...span, parentSpanId: '', kind: 'server', isError: true, attributes: {} },
      { ...span, name: `${hostile} ${hostile}`, attributes: { [hostile]: hostile, 'url.path': hostile, n: -1.5 } },
    ];
    for (const some of [[], spans.slice(0, 1), spans])
      t.strictSame(
        JSON.parse(encodeSpans({ 'service.name': hostile }, some)),
        plainly({ 'service.name': hostile }, some),
      );
  },
);

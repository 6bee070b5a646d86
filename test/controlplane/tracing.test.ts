import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { startPlane } from './plane.ts';

t.test('with an OTLP endpoint each request is a span under its caller’s', async (t) => {
  // biome-ignore lint/suspicious/noExplicitAny: OTLP as it came in
  const spans: any[] = [];
  const collector = createServer(async (request, response) => {
    const body = JSON.parse(await text(request));
    for (const { resource, scopeSpans } of body.resourceSpans)
      for (const span of scopeSpans[0].spans) spans.push({ ...span, resource, url: request.url });
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.teardown(() => collector.close());
  const plane = await startPlane(t, { otlp: `http://127.0.0.1:${(collector.address() as AddressInfo).port}` });
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  await plane.call('PUT', '/v1/services/echo', {}, { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
  await plane.call('GET', '/v1/services/none');
  await plane.close(); // sends what waits
  t.match(spans, [
    {
      url: '/v1/traces',
      traceId,
      parentSpanId: 'b7ad6b7169203331',
      name: 'PUT /v1/services/:name',
      kind: 2,
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'meshlane-control-plane' } }] },
    },
    { name: 'GET /v1/services/:name' },
  ]);
  const attribute = spans[0].attributes.find(({ key }: { key: string }) => key === 'http.response.status_code');
  t.same(attribute.value, { intValue: '201' });
  t.ok(BigInt(spans[0].endTimeUnixNano) >= BigInt(spans[0].startTimeUnixNano));
});

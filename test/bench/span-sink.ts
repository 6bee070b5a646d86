import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Owner } from '../harness/owner.ts';

/** Stands for a collector: takes whatever spans are sent over OTLP/HTTP and counts, so that tracing is seen to be on. */
export type SpanSink = { readonly port: number; received(): { exports: number; bytes: number } };

export async function startSpanSink(owner: Owner): Promise<SpanSink> {
  let exports = 0;
  let bytes = 0;
  const server = createServer((request, reply) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.once('end', () => {
      exports += 1;
      // An empty ExportTraceServiceResponse: `{}` in JSON, no byte at all in protobuf.
      const isJson = request.headers['content-type']?.includes('json');
      reply
        .setHeader('content-type', request.headers['content-type'] ?? 'application/x-protobuf')
        .end(isJson ? '{}' : '');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, received: () => ({ exports, bytes }) };
}

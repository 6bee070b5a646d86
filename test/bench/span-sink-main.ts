// The process behind `startSpanSink`: answers exports with an empty reply, and GET /received with what it counted.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants, setPriority } from 'node:os';

setPriority(constants.priority.PRIORITY_LOW);
const received = { exports: 0, bytes: 0 };
const server = createServer((request, reply) => {
  if (request.method === 'GET') return reply.end(JSON.stringify(received));
  request.on('data', (chunk: Buffer) => {
    received.bytes += chunk.length;
  });
  request.once('end', () => {
    received.exports += 1;
    // An empty ExportTraceServiceResponse: `{}` in JSON, no byte at all in protobuf.
    const type = request.headers['content-type'] ?? 'application/x-protobuf';
    reply.setHeader('content-type', type).end(type.includes('json') ? '{}' : '');
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));

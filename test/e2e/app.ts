/**
 * A plain application that knows nothing of the mesh. `node app.ts NAME PORT MESH`: MESH is where it sends its calls.
 *
 *   x-then: b,c        calls b first, which then calls c; the reply's body names all who answered, nearest first
 *   x-wait-ms: 30      takes so long
 *   x-id: 7            writes `begun 7` when the request is here and `done 7` when its reply is given away
 *   x-fails-once: 7    answers 503 the first time it sees this value
 *
 * Replies tell in x-saw-trace which traceparent it was called with; its own calls carry the same on, as its one duty.
 */
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';

const [name = '', port, mesh] = process.argv.slice(2);
const failed = new Set<string>();

const server = createServer(async (incoming, reply) => {
  const header = (field: string) => incoming.headers[field] as string | undefined;
  const id = header('x-id');
  await text(incoming);
  if (id !== undefined) process.stdout.write(`begun ${id}\n`);
  if (header('x-wait-ms') !== undefined) await wait(Number(header('x-wait-ms')));
  const failsOnce = header('x-fails-once');
  if (failsOnce !== undefined && !failed.has(failsOnce)) {
    failed.add(failsOnce);
    reply.writeHead(503, { 'content-length': 0 }).end();
    return;
  }
  const then = header('x-then');
  const { status, body } = then ? await callNext(then.split(','), incoming) : { status: 200, body: '' };
  const answer = body === '' ? name : `${name} ${body}`;
  const seen = header('traceparent') ?? '';
  reply
    .writeHead(status, { 'x-app': name, 'x-saw-trace': seen, 'content-length': Buffer.byteLength(answer) })
    .end(answer);
  if (id !== undefined) process.stdout.write(`done ${id}\n`);
});

function callNext([next, ...rest]: string[], { method, headers }: IncomingMessage) {
  const kept: Record<string, string> = { host: next! };
  if (typeof headers['traceparent'] === 'string') kept['traceparent'] = headers['traceparent'];
  if (rest.length > 0) kept['x-then'] = rest.join(',');
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    request(`http://${mesh}/next`, { method, headers: kept })
      .on('response', (incoming) =>
        text(incoming).then((body) => resolve({ status: incoming.statusCode!, body }), reject),
      )
      .on('error', reject)
      .end();
  });
}

server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(`ready: app ${name} 127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => process.exit(0));

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { TransportKind } from '../../shared/transport/open.ts';
import { instance, policy, route, service } from './harness/resources.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Large bodies travel in memory that is lent from one connection to the other: it must never be written to too early. */

const sizeBytes = 3_000_001;
const callers = 8;

/** Bytes that tell from which body and from where in it they are. */
function bodyOf(seed: number): Buffer {
  const body = Buffer.allocUnsafe(sizeBytes);
  let state = seed + 1;
  for (let i = 0; i < sizeBytes; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    body[i] = state >>> 24;
  }
  return body;
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const bodies = Array.from({ length: callers }, (_, seed) => bodyOf(seed));
const digests = bodies.map(digestOf);

/** Answers a GET with the body its path names, framed as the path says, and a POST with the digest of what came. */
async function origin(t: Test): Promise<number> {
  const server = createServer((request, response) => {
    const [, framing, seed] = request.url!.split('/');
    const body = bodies[Number(seed)]!;
    if (request.method === 'POST') return void readAll(request, true).then((got) => response.end(digestOf(got)));
    if (framing === 'length') response.setHeader('content-length', body.length);
    if (framing === 'close') {
      response.setHeader('connection', 'close');
      response.useChunkedEncodingByDefault = false;
      response.removeHeader('transfer-encoding');
    }
    response.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Reads a body, with rests in between when it is to be slow. */
async function readAll(message: IncomingMessage, isSlow: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sinceRest = 0;
  if (isSlow) await pause(100);
  for await (const chunk of message as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sinceRest += chunk.length;
    if (!isSlow || sinceRest < 500_000) continue;
    sinceRest = 0;
    await pause(2);
  }
  return Buffer.concat(chunks);
}

async function call(port: number, agent: Agent, method: string, path: string, body?: Buffer): Promise<IncomingMessage> {
  const request = httpRequest({ port, agent, method, path, headers: { host: 'app' } });
  request.end(body);
  const [reply] = (await once(request, 'response')) as [IncomingMessage];
  return reply;
}

for (const transportKind of ['handle', 'socket'] as const satisfies readonly TransportKind[])
  t.test(`large bodies arrive as they were sent, on the ${transportKind}`, async (t) => {
    const app = await origin(t);
    const proxy = await staticProxy(t, {
      transportKind,
      resources: [
        service('app'),
        instance('app-1', 'app', app),
        route('all', [{ backends: [{ service: 'app' }] }]),
        // Few connections for many callers, so that each is used again while its last caller may still be reading.
        policy('app', { connections: { max: 4 } }),
      ],
    });
    const agent = new Agent({ keepAlive: true, maxSockets: callers });
    t.teardown(() => agent.destroy());
    const damaged: string[] = [];
    const work = async (seed: number) => {
      for (const framing of ['length', 'chunked', 'close']) {
        const reply = await call(proxy.port, agent, 'GET', `/${framing}/${seed}`);
        const got = await readAll(reply, seed % 2 === 0);
        if (digestOf(got) !== digests[seed]) damaged.push(`GET ${framing} ${seed}: ${got.length} bytes`);
        const upload = await call(proxy.port, agent, 'POST', `/${framing}/${seed}`, bodies[seed]!);
        const told = (await readAll(upload, false)).toString();
        if (told !== digests[seed]) damaged.push(`POST ${seed}: ${told}`);
      }
    };
    await Promise.all(bodies.map((_, seed) => work(seed)));
    t.strictSame(damaged, []);
  });

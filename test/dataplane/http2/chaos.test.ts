import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import t from 'tap';
import { acceptOf } from '../../../dataplane/message/web-socket.ts';
import { Random } from '../../conformance/http1/mutations/random.ts';
import { FrameType, Setting } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { frameOrigin, type OriginStream } from '../../harness/http2/frame-origin.ts';
import {
  dataFrame,
  goawayFrame,
  headersFrame,
  headersFrames,
  pingFrame,
  rstStreamFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { type Protocol, speaking } from './calling.ts';

/**
 * Callers and instances that do at random what the protocol allows, and some of what it does not. Whatever they do, a proxy stays up, lets
 * go of everything when its callers are gone, and serves who comes then. `node chaos.test.ts --seed N --runs N` draws others, or more.
 */

const { values: flags } = parseArgs({
  options: { seed: { type: 'string' }, runs: { type: 'string' } },
  strict: false,
});
const seed = Number(flags['seed'] ?? 1);
const runs = Number(flags['runs'] ?? 12);

const codes = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'INTERNAL_ERROR',
  'ENHANCE_YOUR_CALM',
] as const;
const sizes = [0, 1, 100, 9000, 16_384];
const sane = '/sane';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const body = (random: Random) => Buffer.alloc(random.pick(sizes), 'x');

// --- callers ----------------------------------------------------------------------------------------------------------

const extras: readonly (readonly Field[])[] = [
  [],
  [],
  [['content-length', '100']],
  [
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ],
  [['content-type', 'application/grpc-web+proto']],
  [['expect', '100-continue']],
  [['x-large', 'v'.repeat(20_000)]],
  [['Malformed', '']],
];

function requestHead(random: Random, port: number): Field[] {
  if (random.oneIn(8))
    return [
      [':method', 'CONNECT'],
      [':authority', `app:${random.pick([port, port, port, 1])}`],
    ];
  const head = requestFields(random.pick(['GET', 'POST', 'HEAD', 'PUT']), '/', 'app', random.pick(extras));
  if (!random.oneIn(5)) return head;
  return [
    [':protocol', random.pick(['websocket', 'websocket', 'other'])],
    ...head.map(([name, value]): Field => [name, name === ':method' ? 'CONNECT' : value]),
  ];
}

/** A caller, and the streams that it has opened. */
type Acting = { readonly client: FrameClient; readonly streams: number[] };

/** One thing that a caller does. */
function act({ client, streams }: Acting, random: Random, port: number): void {
  const used = streams.length === 0 ? 0 : random.oneIn(3) ? random.pick(streams) : streams.at(-1)!;
  const kind = used === 0 ? 0 : random.below(14);
  switch (kind) {
    case 0:
    case 1:
    case 2:
      streams.push(client.nextStream());
      return client.send(
        headersFrames(streams.at(-1)!, headerBlock(requestHead(random, port)), { endStream: random.oneIn(2) }),
      );
    case 3:
    case 4:
    case 5:
    case 6:
      return client.send(dataFrame(used, body(random), { endStream: random.oneIn(3) }));
    case 7:
      return client.send(headersFrame(used, headerBlock([['x-trailer', '1']]), { endStream: !random.oneIn(9) }));
    case 8:
      return client.send(rstStreamFrame(used, random.pick(codes)));
    case 9:
      return client.send(windowUpdateFrame(random.oneIn(2) ? 0 : used, 1 + random.below(100_000)));
    case 10:
      return client.send(settingsFrame([[Setting.initialWindowSize, random.pick([0, 1, 1000, 65_535, 1_000_000])]]));
    case 11:
      return client.send(pingFrame());
    case 12:
      return random.oneIn(20) ? client.send(goawayFrame(0, 'NO_ERROR')) : undefined;
    default:
      return random.oneIn(40) ? void client.socket.end() : undefined;
  }
}

function leave(client: FrameClient, random: Random): void {
  if (random.oneIn(2)) client.reset();
  else client.socket.destroy();
}

// --- instances --------------------------------------------------------------------------------------------------------

/** Things that an instance of HTTP/2 does about a request, one after the other. */
async function reply(request: OriginStream, random: Random): Promise<undefined> {
  const { stream, connection } = request;
  const head = (status: string, more: readonly Field[] = [], endStream = false) =>
    headersFrames(stream, headerBlock([[':status', status], ...more]), { endStream });
  if (request.header(':path') === sane) {
    connection.send(head('200', [], true));
    return;
  }
  for (let steps = random.below(6); steps >= 0 && !connection.isClosed; steps--) {
    for (let turns = random.below(4); turns > 0; turns--) await turn();
    switch (random.below(13)) {
      case 0:
        connection.send(head('103'));
        break;
      case 1:
      case 2:
      case 3:
        connection.send(
          head(
            random.pick(['200', '200', '204', '503']),
            random.pick([[], [['content-length', '100']], [['grpc-status', '14']]]),
            random.oneIn(4),
          ),
        );
        break;
      case 4:
      case 5:
      case 6:
        connection.send(dataFrame(stream, body(random), { endStream: random.oneIn(2) }));
        break;
      case 7:
        connection.send(
          headersFrame(stream, headerBlock([['grpc-status', random.pick(['0', '14'])]]), { endStream: true }),
        );
        break;
      case 8:
        connection.send(rstStreamFrame(stream, random.pick(codes)));
        break;
      case 9:
        connection.send(
          settingsFrame([
            random.pick([
              [Setting.initialWindowSize, random.pick([0, 1000, 65_535])],
              [Setting.maxConcurrentStreams, random.pick([0, 1, 100])],
            ] as const),
          ]),
        );
        break;
      case 10:
        connection.send(windowUpdateFrame(random.oneIn(2) ? 0 : stream, 1 + random.below(100_000)));
        break;
      case 11:
        if (random.oneIn(6)) connection.send(goawayFrame(random.pick([0, stream, 0x7fffffff]), random.pick(codes)));
        break;
      default:
        if (random.oneIn(20)) connection.reset();
        else if (random.oneIn(9)) connection.socket.end();
    }
  }
  return;
}

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n';
/** Stands for a switch that answers the key of its request. */
const tunnel = 'tunnel';
const oldReplies = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\nhalf',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
  'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 None\r\n\r\n',
  'HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 413 Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  `${switching}Sec-WebSocket-Accept: no\r\n\r\n`,
  tunnel,
  tunnel,
  tunnel,
  `HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n${'x'.repeat(90_000)}`,
  'no HTTP',
  '',
];

/** An instance of HTTP/1.1 that answers something to whatever looks like a request. */
async function oldOrigin(t: Owner, random: () => Random): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    const own = random();
    socket.on('error', () => undefined); // it is broken on purpose
    socket.on('close', () => sockets.delete(socket));
    socket.on('end', () => own.oneIn(2) || socket.end());
    socket.on('data', (bytes) => {
      if (bytes.includes(sane)) return socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      if (!bytes.includes('\r\n\r\n') && !own.oneIn(3)) return;
      const answer = own.pick(oldReplies);
      const key = /sec-websocket-key: (\S+)/i.exec(bytes.toString('latin1'))?.[1];
      if (answer !== tunnel) socket.write(answer);
      else if (key !== undefined) socket.write(`${switching}Sec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`);
      if (own.oneIn(4)) socket.end();
      else if (own.oneIn(6) && !socket.writableEnded) socket.resetAndDestroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function origin(t: Owner, protocol: Protocol, random: () => Random): Promise<number> {
  if (protocol === 'http1') return oldOrigin(t, random);
  const settings = [[Setting.enableConnectProtocol, 1]] as const;
  const { port } = await frameOrigin(t, (request) => reply(request, random()), { at: 'head', settings });
  return port;
}

// --- runs -------------------------------------------------------------------------------------------------------------

for (const protocol of ['http1', 'http2'] as const)
  t.test(`callers and instances of ${protocol} that do anything`, async (t) => {
    let drawn = 0;
    const next = () => Random.ofCase(seed, drawn++);
    const port = await origin(t, protocol, next);
    const quick = policy('app', { connections: { max: 4, backoff: '1ms' }, retry: { backoff: '1ms' } });
    const spec = { listeners: [{ name: 'out', port: 0, connect: true }], limits: { bodyBytes: 40_000 } };
    const proxy = await staticProxy(t, { resources: [...speaking(protocol, port), quick], spec });
    for (let run = 0; run < runs; run++) {
      const random = next();
      const dial = async (): Promise<Acting> => ({
        client: await frameClient(t, proxy.port, { grantsWindow: !random.oneIn(3) }),
        streams: [],
      });
      const actors = await Promise.all([dial(), dial(), dial(), dial()]);
      for (let acts = 0; acts < 100; acts++) {
        for (const actor of actors) if (!actor.client.socket.destroyed) act(actor, random, port);
        if (random.oneIn(2)) await turn();
      }
      for (const { client } of actors) leave(client, random);
      await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0, {
        what: `quiet after run ${run}`,
      });
      await until(async () => (await proxy.metric('meshlane_connections', { listener: 'out' })) === 0);
      const caller = await frameClient(t, proxy.port);
      const asks = async () => (await caller.reply(caller.request(requestFields('PUT', sane)))).status === 200;
      await until(asks, { what: `an answer after run ${run}` });
      caller.socket.destroy();
      t.notOk(caller.frames.some(({ type }) => type === FrameType.goaway));
    }
  });

import t from 'tap';
import { frameOf } from '../../harness/grpc/messages.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import { frameOrigin, type OriginStream } from '../../harness/http2/frame-origin.ts';
import {
  dataFrame,
  headersFrames,
  pingFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import { until } from '../../harness/until.ts';
import { grpcServiceAt } from '../grpc/resources.ts';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** Callers of HTTP/1.1 whose replies come over one connection of HTTP/2, frame by frame between those of others. */

const nothing = '';
const head = ({ stream, header }: OriginStream, endStream = false) =>
  headersFrames(
    stream,
    headerBlock([
      [':status', '200'],
      ['x-path', header(':path')!],
    ]),
    { endStream },
  );
const body = ({ stream }: OriginStream, text: string, endStream = true) => dataFrame(stream, text, { endStream });

type Frames = (a: OriginStream, b: OriginStream, c: OriginStream) => readonly Buffer[];

/** Each ends with the bodies "a", "b" and "c". */
const mixtures: Readonly<Record<string, Frames>> = {
  'heads first': (a, b, c) => [head(a), head(b), head(c), body(a, 'a'), body(b, 'b'), body(c, 'c')],
  'bodies in another order': (a, b, c) => [head(a), head(b), head(c), body(c, 'c'), body(a, 'a'), body(b, 'b')],
  'a whole one within another': (a, b, c) => [head(a), head(b), body(b, 'b'), head(c), body(c, 'c'), body(a, 'a')],
  'pieces of a body': (a, b, c) => [
    ...[head(a), body(a, nothing, false), head(b), body(b, nothing, false), head(c), body(c, 'c')],
    ...[body(b, 'b', false), body(a, 'a', false), body(b, nothing), body(a, nothing)],
  ],
  'frames that are for nobody': (a, b, c) => [
    ...[head(a), pingFrame(), head(b), settingsFrame([]), head(c), windowUpdateFrame(0, 1)],
    ...[body(a, 'a'), body(b, 'b'), body(c, 'c')],
  ],
};

for (const [mixture, frames] of Object.entries(mixtures))
  t.test(`replies reach each its own caller: ${mixture}`, async (t) => {
    const origin = await frameOrigin(t, () => undefined);
    const { port } = await staticProxy(t, { resources: speaking('http2', origin.port) });
    for (const inOneWrite of [true, false]) {
      const before = origin.requests.length;
      const replies: ReturnType<typeof ask>[] = [];
      for (const path of ['/a', '/b', '/c']) {
        replies.push(ask(t, port, get(path)));
        await until(() => origin.requests.length === before + replies.length);
      }
      const [a, b, c] = origin.requests.slice(before);
      const sent = frames(a!, b!, c!);
      if (inOneWrite) a!.connection.send(Buffer.concat(sent));
      else for (const frame of sent) a!.connection.send(frame);
      const got = (await Promise.all(replies)).map(({ header, body }) => `${header('x-path')} ${body}`);
      t.strictSame(got, ['/a a', '/b b', '/c c']);
    }
  });

t.test('a head reaches its caller when it comes, however long its body takes', async (t) => {
  const origin = await frameOrigin(t, (request) => head(request));
  const { port } = await staticProxy(t, { resources: speaking('http2', origin.port) });
  const callers = await Promise.all(['/a', '/b'].map(async (path) => ({ path, client: await rawClient(t, port) })));
  for (const { path, client } of callers) {
    client.send(get(path));
    await client.until((received) => received.endsWith('\r\n\r\n'), `the head of ${path}`, 2000);
  }
  for (const request of origin.requests) request.connection.send(body(request, 'late'));
  for (const { path, client } of callers) t.match(await client.reply(), { body: Buffer.from('late') }, path);
});

t.test('what was held of a call of gRPC-Web reaches its caller when it is held no longer', async (t) => {
  const server = await wireServer(t, (call) => {
    call.head();
    call.send(Buffer.from(`first of ${call.index}`));
  });
  const retry = { attempts: 1, on: ['unavailable'] };
  const resources = [...grpcServiceAt('app', server.port), policy('app', { retry })];
  const { port } = await staticProxy(t, { resources });
  const message = frameOf(Buffer.from('question')).toString('latin1');
  for (const index of [0, 1]) {
    const client = await rawClient(t, port);
    client.send(
      `POST /shop.Cart/Watch HTTP/1.1\r\nHost: app\r\nContent-Type: application/grpc-web\r\n` +
        `Content-Length: ${message.length}\r\n\r\n${message}`,
    );
    await client.until((received) => received.includes(`first of ${index}`), 'the first message', 2000);
    t.equal(client.received.split('HTTP/1.1').length, 2, 'one head');
  }
});

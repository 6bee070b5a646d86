import { once } from 'node:events';
import {
  createServer,
  connect as http2Connect,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import t from 'tap';
import { HpackEncoder } from '../../../../shared/http2/hpack/encoder.ts';
import { staticLines } from '../../../../shared/http2/hpack/static-table.ts';
import { until } from '../../../harness/until.ts';
import { decode, encode, newDecoder, type SentField, tableOf } from './blocks.ts';

/** The codec against that of Node, which is nghttp2's, with no more of HTTP/2 around it than that takes. */

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const frameHead = 9;
const Frame = { headers: 1, settings: 4 } as const;
const Flag = { acknowledgement: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(frameHead);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** One side of a connection, which reads nothing but field blocks. Each stands in a frame of its own here. */
class Peer {
  readonly blocks: { readonly stream: number; readonly block: Buffer }[] = [];
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);

  /** `skipped` bytes come before the first frame. */
  constructor(socket: Socket, skipped: number) {
    this.#socket = socket;
    let from = skipped;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      while (this.#bytes.length >= from + frameHead) {
        const to = from + frameHead + this.#bytes.readUIntBE(from, 3);
        if (this.#bytes.length < to) return;
        this.#onFrame(this.#bytes.subarray(from, to));
        from = to;
      }
    });
    socket.write(frame(Frame.settings, 0, 0));
  }

  send(stream: number, block: Buffer): void {
    this.#socket.write(frame(Frame.headers, Flag.endStream | Flag.endHeaders, stream, block));
  }

  #onFrame(bytes: Buffer): void {
    const [type, flags] = [bytes[3]!, bytes[4]!];
    if (type === Frame.settings && flags === 0) this.#socket.write(frame(Frame.settings, Flag.acknowledgement, 0));
    if (type !== Frame.headers) return;
    const padding = flags & Flag.padded ? 1 + bytes[frameHead]! : 0;
    const from = frameHead + (padding > 0 ? 1 : 0) + (flags & Flag.priority ? 5 : 0);
    const to = bytes.length - Math.max(0, padding - 1);
    this.blocks.push({ stream: bytes.readUInt32BE(5), block: bytes.subarray(from, to) });
  }
}

/** The ordinary fields of the static table that a request may have, with values where the table has none. */
const staticFields = staticLines
  .toString('latin1')
  .split('\r\n')
  .filter((line) => !/^(:|transfer-encoding|content-length|host|expect|$)/.test(line))
  .map((line) => line.split(': ') as [string, string])
  .map(([name, value]): SentField => [name, value || `value of ${name}`]);

const requestFields: SentField[] = [
  [':method', 'PUT'],
  [':scheme', 'http'],
  [':path', '/a?b=c'],
  [':authority', 'service.example'],
  ...staticFields,
  ['x-bytes', 'caf\xe9 {"json":[1,2]} <~^|> \xff\x80'],
  ['x-long', 'long '.repeat(30).trim()],
  ['x-empty', ''],
];

t.test('a server of Node reads our requests, and we its replies', async (t) => {
  const server = createServer();
  const received: IncomingHttpHeaders[] = [];
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    received.push(headers);
    const own = { ':status': 418, server: 'node', 'x-count': `${received.length}`, 'x-bytes': headers['x-bytes'] };
    stream.respond(
      { ...own, 'x-secret': 'secret', date: 'never', [sensitiveHeaders]: ['x-secret'] },
      { endStream: true },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.write(preface);
  const peer = new Peer(socket, 0);
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const sizes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const block = encode(encoder, requestFields);
    sizes.push(block.length);
    peer.send(2 * i + 1, block);
    await until(() => peer.blocks.length > i);
    const headers = new Map(Object.entries(received[i]!));
    for (const [name, value] of requestFields) t.strictSame([headers.get(name)].flat(), [value], name);
    t.strictSame(decode(decoder, peer.blocks[i]!.block), [
      { name: ':status', value: '418', isNeverIndexed: false },
      { name: 'server', value: 'node', isNeverIndexed: false },
      { name: 'x-count', value: String(i + 1), isNeverIndexed: false },
      { name: 'x-bytes', value: 'caf\xe9 {"json":[1,2]} <~^|> \xff\x80', isNeverIndexed: false },
      { name: 'x-secret', value: 'secret', isNeverIndexed: true },
      { name: 'date', value: 'never', isNeverIndexed: false },
    ]);
  }
  t.ok(sizes[2]! < sizes[0]! / 2, `blocks get smaller: ${sizes}`);
  t.ok(tableOf(decoder).length > 3, 'Node has filled our table');
});

t.test('a client of Node reads our replies, and we its requests', async (t) => {
  const server = createTcpServer();
  server.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const session = http2Connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.teardown(() => session.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  const peer = new Peer(socket, preface.length);
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const reply: SentField[] = [[':status', '200'], ...requestFields.filter(([name]) => name.startsWith('x-'))];
  for (let i = 0; i < 4; i++) {
    const request = session.request({
      ':path': `/${i}`,
      'user-agent': 'node',
      cookie: 'a=b',
      'x-bytes': '{"a": "\xe9"}',
    });
    const response = once(request, 'response');
    await until(() => peer.blocks.length > i);
    const { stream, block } = peer.blocks[i]!;
    const fields = decode(decoder, block);
    if (typeof fields === 'string') return t.fail(fields);
    const found = new Map(fields.map(({ name, value }) => [name, value]));
    for (const [name, value] of [
      [':path', `/${i}`],
      [':method', 'GET'],
      ['user-agent', 'node'],
      ['cookie', 'a=b'],
      ['x-bytes', '{"a": "\xe9"}'],
    ] as const)
      t.equal(found.get(name), value, name);
    t.ok(fields.find(({ name }) => name === 'cookie')!.isNeverIndexed, 'Node takes care of short cookies, too');
    peer.send(stream, encode(encoder, reply));
    const [headers] = (await response) as [IncomingHttpHeaders];
    for (const [name, value] of reply) t.equal(String(headers[name]), value, name);
  }
});

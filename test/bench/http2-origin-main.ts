// A server of one reply over HTTP/2 by prior knowledge (RFC 9113): `node http2-origin-main.ts plain|grpc BODY_FILE`. It reads
// the heads of frames and copies a reply made beforehand. What a request says is not looked at, so nothing decodes HPACK.
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { FrameReader } from './http2-frame-reader.ts';
import { grpcReply, plainReply } from './http2-origin-reply.ts';

const headBytes = 9;
const types = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, windowUpdate: 8 } as const;
const endStream = 0x1;
const ack = 0x1;
const initialWindowSize = 4;
const firstWindow = 65_535;
const largestWindow = 2 ** 31 - 1;

const [kind, bodyFile] = process.argv.slice(2) as [string, string];
const body = readFileSync(bodyFile);
const reply = kind === 'grpc' ? grpcReply(body) : plainReply(body);

/** What is written in answer to one read gathers here. */
const outBytes = 262_144;
let out = Buffer.allocUnsafe(outBytes);
let used = 0;

class Connection {
  readonly #socket: Socket;
  readonly #frames = new FrameReader(this.#take.bind(this));
  #sendWindow = firstWindow;
  /** Streams whose reply waits until the client lets the connection send more, first come first. */
  #waiting: number[] = [];
  #receivedBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined); // a client that resets has gone, nothing more
    // Clients may send on a stream, and on all of them together, as much as a window can say.
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(initialWindowSize);
    setting.writeUInt32BE(largestWindow, 2);
    this.#append(types.settings, 0, setting);
    this.#raiseWindow(largestWindow - firstWindow);
    this.#flush();
  }

  #read(chunk: Buffer): void {
    if (this.#frames.read(chunk)) this.#flush();
    else this.#socket.destroy();
  }

  #take(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): void {
    switch (type) {
      case types.data:
        this.#receivedBytes += to - from;
        if (this.#receivedBytes > largestWindow / 2) {
          this.#raiseWindow(this.#receivedBytes);
          this.#receivedBytes = 0;
        }
        if (flags & endStream) this.#answer(stream);
        break;
      case types.headers:
        if (flags & endStream) this.#answer(stream);
        break;
      case types.reset:
        this.#waiting = this.#waiting.filter((id) => id !== stream);
        break;
      case types.settings:
        if (flags & ack) break;
        for (let at = from; at < to; at += 6)
          if (bytes.readUInt16BE(at) === initialWindowSize && bytes.readUInt32BE(at + 2) < reply.bodyBytes)
            throw new Error('a client wants less on a stream than a reply has, and would not get it whole');
        this.#append(types.settings, ack, Buffer.alloc(0));
        break;
      case types.ping:
        if (!(flags & ack)) this.#append(types.ping, ack, bytes.subarray(from, to));
        break;
      case types.windowUpdate:
        if (stream !== 0) break;
        this.#sendWindow += bytes.readUInt32BE(from);
        while (this.#waiting.length > 0 && this.#sendWindow >= reply.bodyBytes) this.#send(this.#waiting.shift()!);
    }
  }

  #answer(stream: number): void {
    if (this.#sendWindow >= reply.bodyBytes) this.#send(stream);
    else this.#waiting.push(stream);
  }

  #send(stream: number): void {
    this.#sendWindow -= reply.bodyBytes;
    this.#makeRoom(reply.frames.length);
    out.set(reply.frames, used);
    for (const place of reply.streamPlaces) out.writeUInt32BE(stream, used + place);
    used += reply.frames.length;
  }

  /** Only frames of the connection itself are written this way. */
  #append(type: number, flags: number, payload: Buffer): void {
    this.#makeRoom(headBytes + payload.length);
    out.fill(0, used, used + headBytes);
    out.writeUIntBE(payload.length, used, 3);
    out[used + 3] = type;
    out[used + 4] = flags;
    out.set(payload, used + headBytes);
    used += headBytes + payload.length;
  }

  #raiseWindow(byBytes: number): void {
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(byBytes);
    this.#append(types.windowUpdate, 0, increment);
  }

  #makeRoom(bytes: number): void {
    if (used + bytes > outBytes) this.#flush();
  }

  #flush(): void {
    if (used === 0) return;
    this.#socket.write(out.subarray(0, used));
    // What the kernel has not taken yet still stands in the buffer, which belongs to that write then.
    if (this.#socket.writableLength > 0) out = Buffer.allocUnsafe(outBytes);
    used = 0;
  }
}

const server = createServer({ noDelay: true }, (socket) => void new Connection(socket));
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`));

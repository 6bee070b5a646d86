/**
 * The sidecar's end of the push protocol with nothing behind it, over frames made by hand: a client of grpc-js costs ten
 * times as much, and thousands of those would measure the clients. Each has a connection of its own, as sidecars have.
 */
import type { WireHello } from '../../../shared/discovery/messages.ts';
import { sidecarMessageCodec } from '../../../shared/discovery/messages.ts';
import { Flag, FrameType, frameHeadBytes, preface, Setting, uint32At } from '../../../shared/http2/frame.ts';
import { openTransport } from '../../../shared/transport/open.ts';
import type { Transport, TransportOwner } from '../../../shared/transport/transport.ts';
import { dataFrame, frame, headersFrame, settingsFrame, windowUpdateFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';

export type SimulatedOptions = {
  readonly port: number;
  readonly hello: WireHello;
  /** An update has come and is answered; `bytes` are its own, good during the call. */
  onUpdate(revision: number, bytes: Buffer): void;
  onClose(): void;
};

const stream = 1;
const prefixBytes = 5;
const windowBytes = 2 ** 31 - 1;
const settingsAck = frame(FrameType.settings, Flag.ack, 0);
const opening = Buffer.concat([
  preface,
  settingsFrame([[Setting.initialWindowSize, windowBytes]]),
  windowUpdateFrame(0, windowBytes - 65_535),
  headersFrame(
    stream,
    headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/meshlane.discovery.v1.Discovery/Stream'],
      [':authority', 'control-plane'],
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
    ]),
  ),
]);

export class SimulatedSidecar implements TransportOwner {
  readonly bufferBytes = windowBytes;
  /** Of the last update that it answered. */
  revision = 0;
  readonly #options: SimulatedOptions;
  #transport: Transport;
  #frames: Buffer | null = null;
  /** A message of which a part is here. */
  #message: Buffer | null = null;
  #messageBytes = 0;

  constructor(options: SimulatedOptions) {
    this.#options = options;
    const address = { host: '127.0.0.1', port: options.port };
    this.#transport = openTransport(
      address,
      'handle',
      (transport) => this.#begin(transport),
      () => options.onClose(),
    );
  }

  #begin(transport: Transport): void {
    this.#transport = transport;
    transport.start(this);
    transport.write(Buffer.concat([opening, message(sidecarMessageCodec.encode({ hello: this.#options.hello }))]));
  }

  destroy(): void {
    this.#transport.destroy();
    process.nextTick(() => this.onClosed());
  }

  onEnd(): void {
    this.#transport.end(() => undefined);
  }

  onDrain(): void {
    // Nothing waits for it.
  }

  onClosed(): void {
    this.#options.onClose();
  }

  onRead(size: number): boolean {
    const bytes = this.#transport.memory.subarray(0, size);
    const all = this.#frames ? Buffer.concat([this.#frames, bytes]) : bytes;
    let at = 0;
    while (all.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + all.readUIntBE(at, 3);
      if (end > all.length) break;
      this.#onFrame(all[at + 3]!, all[at + 4]!, all.subarray(at + frameHeadBytes, end));
      at = end;
    }
    this.#frames = at < all.length ? Buffer.from(all.subarray(at)) : null;
    return true;
  }

  #onFrame(type: number, flags: number, payload: Buffer): void {
    const isRequest = (flags & Flag.ack) === 0;
    if (type === FrameType.data) this.#onData(payload);
    else if (type === FrameType.settings && isRequest) this.#transport.write(settingsAck);
    else if (type === FrameType.ping && isRequest) this.#transport.write(frame(FrameType.ping, Flag.ack, 0, payload));
    else if (type === FrameType.headers && (flags & Flag.endStream) !== 0) this.#transport.end(() => undefined);
  }

  /** Each DATA frame holds a message, or a part of just one: so our server cuts them. */
  #onData(payload: Buffer): void {
    if (this.#message === null) {
      const size = prefixBytes + uint32At(payload, 1);
      if (payload.length === size) return this.#onUpdate(payload.subarray(prefixBytes));
      this.#message = Buffer.allocUnsafeSlow(size);
      this.#messageBytes = 0;
    }
    payload.copy(this.#message, this.#messageBytes);
    this.#messageBytes += payload.length;
    if (this.#messageBytes < this.#message.length) return;
    const whole = this.#message.subarray(prefixBytes);
    this.#message = null;
    this.#onUpdate(whole);
  }

  #onUpdate(update: Buffer): void {
    this.revision = revisionOf(update);
    this.#transport.write(ackOf(this.revision));
    this.#options.onUpdate(this.revision, update);
  }
}

function message(bytes: Buffer): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(bytes.length, 1);
  return dataFrame(stream, Buffer.concat([prefix, bytes]));
}

/** The revision is the first field of an update. */
function revisionOf(update: Buffer): number {
  let value = 0;
  for (let at = 1, factor = 1; ; at++, factor *= 128) {
    value += (update[at]! & 127) * factor;
    if (update[at]! < 128) return value;
  }
}

let ack: { revision: number; bytes: Buffer } = { revision: 0, bytes: Buffer.alloc(0) };

/** All answer the same, so the last answer is mostly the next, too. */
function ackOf(revision: number): Buffer {
  if (ack.revision !== revision)
    ack = { revision, bytes: message(sidecarMessageCodec.encode({ ack: { revision, rejected: [] } })) };
  return ack.bytes;
}

import { FrameType, mostFrameBytes } from '../../http2/frame.ts';
import type { Peer } from '../../transport/peer.ts';
import { frameHead } from '../frame-bytes.ts';
import { grpc } from '../grpc.ts';
import { MessageReader } from '../message-reader.ts';
import type { OutgoingMessage } from './outgoing-message.ts';
import type { RequestHead } from './request-head.ts';
import { StatusError } from './status-error.ts';

/** What a call tells whoever serves it. */
export type CallHandler<Request> = {
  onMessage(request: Request): void;
  /** The caller has said everything. */
  onEnd(): void;
  /** The caller is gone, its deadline has passed, or what it sent cannot be read. Comes at most once, and not after `end`. */
  onCancel(): void;
};

/** A method of a service. */
export type Method<Request> = {
  /** Throws a RangeError for what is no such message; its bytes are only good during the call. */
  decode(bytes: Buffer): Request;
  /** Longest message that it takes, where that is less than what the server does. */
  readonly mostBytes?: number;
  /** Takes a call, or says how it ends. */
  open(call: ServerCall<Request>): CallHandler<Request> | StatusError;
};

/** The connection, as a call sees it. */
export type Carrier = {
  readonly peer: Peer;
  /** Bytes that may be sent on the connection now. */
  readonly room: number;
  writeData(size: number, pieces: readonly Buffer[]): void;
  writeHead(id: number): void;
  /** Sends the last of a call and forgets it. */
  finish(
    call: { readonly id: number; readonly hasHead: boolean; readonly hasEnded: boolean },
    status: number,
    text: string,
  ): void;
  /** What is written from here on leaves together, at `uncork`. */
  cork(): void;
  uncork(): void;
  /** Bytes that were given to the kernel, or wait for it. */
  readonly writtenBytes: number;
  /** Cuts the connection when the kernel has not even taken so many of them. */
  cutUnlessSent(bytes: number): void;
};

/** Time that a call which is over has for its last words to be read. */
const lastWordsMs = 1_000;

const faults = {
  'too large': { status: grpc.status.RESOURCE_EXHAUSTED, text: 'a message is larger than this server takes' },
  compressed: { status: grpc.status.UNIMPLEMENTED, text: 'messages must not be compressed' },
} as const;

/** One call, seen from the server. */
export class ServerCall<Request> {
  readonly id: number;
  readonly path: string;
  /** The field of the request of that name. */
  readonly authorization: string | undefined;
  /** Bytes that may be sent on its stream. */
  sendWindow: number;
  /** Bytes that came and were not given back to its window yet. */
  unreturned = 0;
  /** The caller has said everything. */
  hasEnded = false;
  /** The reply has begun. */
  hasHead = false;
  readonly #carrier: Carrier;
  readonly #method: Method<Request>;
  #handler: CallHandler<Request> | null = null;
  readonly #reader: MessageReader;
  readonly #deadline: NodeJS.Timeout | null;
  readonly #waiting: OutgoingMessage[] = [];
  /** How much of the first of them is sent: up to there in this part. */
  #sentBytes = 0;
  #part = 0;
  #at = 0;
  #isOpen = true;
  /** Ends with OK when nothing waits any more. */
  #isEnding = false;

  constructor(
    carrier: Carrier,
    id: number,
    method: Method<Request>,
    { path, authorization, timeoutMs }: RequestHead,
    { sendWindow, mostBytes }: { sendWindow: number; mostBytes: number },
  ) {
    this.#carrier = carrier;
    this.id = id;
    this.path = path;
    this.authorization = authorization;
    this.sendWindow = sendWindow;
    this.#method = method;
    this.#reader = new MessageReader(Math.min(mostBytes, method.mostBytes ?? mostBytes));
    this.#deadline = timeoutMs === null ? null : setTimeout(() => this.#expire(), timeoutMs);
  }

  /** Who calls. */
  get peer(): Peer {
    return this.#carrier.peer;
  }

  /** Hands the call to whoever serves it. */
  start(): void {
    const handler = this.#method.open(this);
    if (handler instanceof StatusError) this.end(handler.code, handler.message);
    else this.#handler = handler;
  }

  /** Sends a message, after the ones before and as fast as the peer takes it. */
  send(message: OutgoingMessage): void {
    if (!this.#isOpen) return;
    if (this.hasHead && this.#waiting.length === 0 && message.size <= Math.min(this.sendWindow, this.#carrier.room)) {
      const frame = message.frameFor(this.id);
      if (frame) return this.#write(message.size, [frame]);
    }
    this.#carrier.cork();
    if (!this.hasHead) this.#carrier.writeHead(this.id);
    this.hasHead = true;
    this.#waiting.push(message);
    this.pump();
    this.#carrier.uncork();
  }

  /** Ends the call: OK once all that was sent has left, anything else at once, and what has not left by then never does. */
  end(status: number, text = ''): void {
    if (!this.#isOpen) return;
    this.#isEnding = status === grpc.status.OK && this.#waiting.length > 0;
    if (this.#isEnding) return;
    this.#release();
    this.#carrier.finish(this, status, text);
  }

  /** Ends it at once. A peer that does not even read that within a second loses the connection, with whatever else is on it. */
  endOrCut(status: number, text: string): void {
    this.end(status, text);
    const { writtenBytes } = this.#carrier;
    setTimeout(() => this.#carrier.cutUnlessSent(writtenBytes), lastWordsMs).unref();
  }

  /** Writes what windows and socket take. */
  pump(): void {
    for (let message = this.#waiting[0]; message; message = this.#waiting[0]) {
      const left = message.size - this.#sentBytes;
      const size = Math.min(left, mostFrameBytes, this.sendWindow, this.#carrier.room);
      if (size <= 0) return;
      this.#write(size, [frameHead(FrameType.data, 0, this.id, size), ...this.#take(message, size)]);
      if (size < left) continue;
      this.#waiting.shift();
      this.#sentBytes = this.#part = this.#at = 0;
    }
    if (this.#isEnding) this.end(grpc.status.OK);
  }

  onData(bytes: Buffer, from: number, to: number): void {
    if (this.hasEnded) return;
    const fault = this.#reader.read(bytes, from, to, (message) => this.#onMessage(message));
    if (fault) this.#refuse(faults[fault].status, faults[fault].text);
  }

  onEnd(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (!this.#isOpen) return;
    if (this.#reader.isWithinMessage) this.#refuse(grpc.status.INVALID_ARGUMENT, 'the last message is cut short');
    else this.#handler?.onEnd();
  }

  /** The caller or its connection is gone. */
  onCancel(): void {
    this.#release();
    this.#handler?.onCancel();
  }

  #onMessage(bytes: Buffer): void {
    if (!this.#isOpen) return;
    let request: Request;
    try {
      request = this.#method.decode(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#refuse(grpc.status.INVALID_ARGUMENT, `a message cannot be read: ${error.message}`);
    }
    this.#handler?.onMessage(request);
  }

  #expire(): void {
    this.#refuse(grpc.status.DEADLINE_EXCEEDED, 'the deadline has passed');
  }

  #refuse(status: number, text: string): void {
    if (!this.#isOpen) return;
    this.end(status, text);
    this.#handler?.onCancel();
  }

  #release(): void {
    this.#isOpen = false;
    if (this.#deadline) clearTimeout(this.#deadline);
    this.#waiting.length = 0;
  }

  #write(size: number, pieces: readonly Buffer[]): void {
    this.sendWindow -= size;
    this.#carrier.writeData(size, pieces);
  }

  /** The next `size` bytes of the message, where they lie. */
  #take({ parts }: OutgoingMessage, size: number): Buffer[] {
    const pieces: Buffer[] = [];
    this.#sentBytes += size;
    for (let left = size; left > 0; ) {
      const part = parts[this.#part]!;
      const piece = part.subarray(this.#at, this.#at + left);
      if (piece.length > 0) pieces.push(piece);
      left -= piece.length;
      this.#at += piece.length;
      if (this.#at < part.length) continue;
      this.#part++;
      this.#at = 0;
    }
    return pieces;
  }
}

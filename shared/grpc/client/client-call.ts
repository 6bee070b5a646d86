import { EventEmitter } from 'node:events';
import { mostFrameBytes } from '../../http2/frame.ts';
import { MessageReader } from '../message-reader.ts';
import { CallError, Status } from '../status.ts';

/** A method of a service, as its callers know it. */
export type Method<Request, Reply> = {
  readonly path: string;
  requestSerialize(request: Request): Buffer;
  /** Throws a RangeError for what is no such message. */
  responseDeserialize(bytes: Buffer): Reply;
};

/** The connection, as a call sees it. */
export type Carrier = {
  /** Bytes that may be sent on the connection now. */
  readonly room: number;
  sendData(id: number, bytes: Buffer, isLast: boolean): void;
  /** Ends the stream from our side. */
  cancel(id: number): void;
};

const prefixBytes = 5;
const mostMessageBytes = 64 * 1024 * 1024;

type Events<Reply> = {
  data: [Reply];
  /** All that was written has left. */
  drain: [];
  /** The call has ended well, or has failed. Nothing follows either. */
  end: [];
  error: [CallError];
};

/** One call, seen from the client. */
export class ClientCall<Request, Reply> extends EventEmitter<Events<Reply>> {
  readonly id: number;
  /** Bytes that may be sent on its stream. */
  sendWindow: number;
  /** Bytes that came and were not given back to its window yet. */
  unreturned = 0;
  /** The reply has begun. */
  hasHead = false;
  readonly #carrier: Carrier;
  readonly #method: Method<Request, Reply>;
  readonly #reader = new MessageReader(mostMessageBytes);
  readonly #waiting: Buffer[] = [];
  #isOpen = true;
  /** What waits is the last. */
  #isEnding = false;

  constructor(carrier: Carrier, id: number, method: Method<Request, Reply>, sendWindow: number) {
    super();
    this.#carrier = carrier;
    this.id = id;
    this.#method = method;
    this.sendWindow = sendWindow;
  }

  /** What was written waits for the peer to take it. */
  get writableNeedDrain(): boolean {
    return this.#waiting.length > 0;
  }

  write(request: Request): void {
    if (!this.#isOpen) return;
    const message = this.#method.requestSerialize(request);
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(message.length, 1);
    this.#waiting.push(Buffer.concat([prefix, message]));
    this.pump();
  }

  /** Sends the one request, or the last. */
  end(request: Request): void {
    this.#isEnding = true;
    this.write(request);
  }

  /** Gives the call up; it fails as cancelled, later. */
  cancel(): void {
    if (!this.#isOpen) return;
    this.#carrier.cancel(this.id);
    this.#release();
    process.nextTick(() => this.emit('error', new CallError(Status.cancelled, 'the call was cancelled')));
  }

  /** Writes what windows and connection take. */
  pump(): void {
    const hadWaiting = this.#waiting.length > 0;
    for (let bytes = this.#waiting[0]; bytes; bytes = this.#waiting[0]) {
      const size = Math.min(bytes.length, mostFrameBytes, this.sendWindow, this.#carrier.room);
      if (size <= 0) return;
      this.sendWindow -= size;
      const isLast = this.#isEnding && size === bytes.length && this.#waiting.length === 1;
      this.#carrier.sendData(this.id, bytes.subarray(0, size), isLast);
      if (size === bytes.length) this.#waiting.shift();
      else this.#waiting[0] = bytes.subarray(size);
    }
    if (hadWaiting) this.emit('drain');
  }

  onData(bytes: Buffer, from: number, to: number): void {
    if (!this.#isOpen) return;
    const fault = this.#reader.read(bytes, from, to, (message) => this.#onMessage(message));
    if (fault) this.#giveUp(`a message that is ${fault}`);
  }

  /** The peer ended the call; `error` is null when it ended well. */
  onEnd(error: CallError | null): void {
    if (!this.#isOpen) return;
    this.#release();
    if (error) this.emit('error', error);
    else this.emit('end');
  }

  #onMessage(bytes: Buffer): void {
    if (!this.#isOpen) return;
    let reply: Reply;
    try {
      reply = this.#method.responseDeserialize(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#giveUp(`a message that cannot be read: ${error.message}`);
    }
    this.emit('data', reply);
  }

  #giveUp(got: string): void {
    if (this.#isOpen) this.#carrier.cancel(this.id);
    this.onEnd(new CallError(Status.internal, `the peer sent ${got}`));
  }

  #release(): void {
    this.#isOpen = false;
    this.#waiting.length = 0;
  }
}

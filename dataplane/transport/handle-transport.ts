import { constants } from 'node:os';
import { slab } from './slab.ts';
import type { StreamBindings, StreamHandle, WriteRequest } from './stream-handle.ts';
import { highWaterBytes, type Transport, type TransportOwner } from './transport.ts';

/** libuv's number for the end of a stream. */
const endOfStream = -4095;
const notConnected = -constants.errno.ENOTCONN;

type OwnedHandle = StreamHandle & { transport?: HandleTransport };

/**
 * A connection on the handle of a socket. A write that the kernel takes at once, which is nearly every one, leaves
 * nothing behind: no callback, no object; so one request object serves all of them.
 */
export class HandleTransport implements Transport {
  readonly remoteAddress: string;
  unsentBytes = 0;
  isBlocked = false;
  hasEnded = false;
  readonly #bindings: StreamBindings;
  readonly #handle: OwnedHandle;
  #owner: TransportOwner | null = null;
  #onSent: () => void = () => undefined;
  #write: WriteRequest;
  #isReading = false;
  #isPeerDone = false;
  #isShutDown = false;
  #isClosed = false;
  readonly #isOutgoing: boolean;
  /** Nothing can be sent any more; what came before is still to be read. */
  #isWriteBroken = false;

  constructor(handle: StreamHandle, bindings: StreamBindings, remoteAddress: string, isOutgoing: boolean) {
    this.#isOutgoing = isOutgoing;
    this.#handle = handle;
    this.#bindings = bindings;
    this.remoteAddress = remoteAddress;
    this.#write = new bindings.WriteWrap();
    this.#handle.transport = this;
    handle.useUserBuffer(slab);
    handle.onread = onRead;
  }

  start(owner: TransportOwner): void {
    this.#owner = owner;
    this.resume();
  }

  /** Called by the handle, which says in the state of the thread what came: bytes, the end, or an error. */
  onRead(): void {
    const size = this.#bindings.streamBaseState[this.#bindings.kReadBytesOrError]!;
    const owner = this.#owner;
    if (size === 0 || owner === null) return;
    if (size > 0) {
      if (!owner.onRead(size)) this.pause();
      return;
    }
    this.#isReading = false;
    // Linux tells of a reset once: when the write has heard of it, the read hears of an end.
    if (size !== endOfStream || this.#isWriteBroken) return this.#break();
    this.#isPeerDone = true;
    owner.onEnd();
    if (this.#isShutDown) this.#break();
  }

  write(bytes: Buffer): void {
    if (this.#isClosed || this.hasEnded || this.#isWriteBroken) return;
    const { streamBaseState, kLastWriteWasAsync, WriteWrap } = this.#bindings;
    const request = this.#write;
    const error = this.#handle.writeBuffer(request, bytes);
    if (error !== 0) return this.#onWriteFailed();
    if (streamBaseState[kLastWriteWasAsync] === 0) return;
    const size = bytes.length;
    request.bytes = bytes; // libuv only points at them: let go of, their memory would be another buffer's before they leave
    this.#write = new WriteWrap();
    this.unsentBytes += size;
    if (this.unsentBytes >= highWaterBytes) this.isBlocked = true;
    request.oncomplete = (status) => this.#onWritten(size, status);
  }

  #onWritten(size: number, status: number): void {
    this.unsentBytes -= size;
    if (this.#isClosed) return;
    if (status !== 0) return this.#onWriteFailed();
    if (this.unsentBytes > 0 || !this.isBlocked) return;
    this.isBlocked = false;
    this.#owner?.onDrain();
  }

  /**
   * A peer that answers and breaks the connection while it is still written to has its answer in our kernel: it is read
   * before the end is told. Whom we answer ourselves has nothing to say that could still be used.
   */
  #onWriteFailed(): void {
    if (!this.#isOutgoing || this.#isPeerDone) return this.#breakSoon();
    this.#isWriteBroken = true;
    this.isBlocked = true;
  }

  pause(): void {
    if (!this.#isReading || this.#isClosed) return;
    this.#isReading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.#isReading || this.#isPeerDone || this.#isClosed) return;
    this.#isReading = true;
    if (this.#handle.readStart() !== 0) this.#breakSoon();
  }

  end(onSent: () => void): void {
    if (this.#isClosed) return;
    this.#onSent = onSent;
    if (this.#isShutDown) return process.nextTick(() => this.#onShutDown());
    if (this.hasEnded) return;
    this.hasEnded = true;
    const request = new this.#bindings.ShutdownWrap();
    request.oncomplete = () => this.#onShutDown();
    const result = this.#handle.shutdown(request);
    if (result === 1 || result === notConnected) process.nextTick(() => this.#onShutDown());
    else if (result !== 0) this.#breakSoon();
  }

  #onShutDown(): void {
    if (this.#isClosed) return;
    this.#isShutDown = true;
    this.#onSent();
    if (this.#isPeerDone) this.#break();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner = null;
    this.#handle.close();
  }

  reset(): void {
    if (this.#isClosed) return;
    // A handle whose end is under way cannot be reset any more: then it is closed.
    if (this.hasEnded || this.#handle.reset === undefined || this.#handle.reset() !== 0) return this.destroy();
    this.#isClosed = true;
    this.#owner = null;
  }

  #breakSoon(): void {
    process.nextTick(() => this.#break());
  }

  #break(): void {
    const owner = this.#owner;
    if (this.#isClosed) return;
    this.destroy();
    owner?.onClosed();
  }
}

function onRead(this: OwnedHandle): void {
  this.transport!.onRead();
}

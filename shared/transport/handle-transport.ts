import { constants } from 'node:os';
import { bulkBytes, slab } from './slab.ts';
import type { StreamBindings, StreamHandle } from './stream-handle.ts';
import type { Transport, TransportOwner } from './transport.ts';

/** libuv's number for the end of a stream. */
const endOfStream = -4095;
const notConnected = -constants.errno.ENOTCONN;
/** A handshake leaves the handle reading. */
const already = -constants.errno.EALREADY;
const nothing = () => undefined;
/** Lent bytes block at once, so where more than this is to wait for a slow reader, it has to be copied. */
const mostLending = 65_536;
/**
 * So many reads that fill the memory in a row, or so much time spent on them, and the others get their turn; libuv itself
 * would go on for 32. A write to a slow reader can take the kernel 30 times as long as one to a quick reader.
 */
const mostFullReads = 8;
const mostTurnMs = 0.15;
/**
 * Connections of a worker with memory of their own. It is theirs until they close, idle or not, because each change of
 * it leaves something behind in the handle; who comes later reads into the slab.
 */
const mostOwners = 1024;
let owners = 0;

type OwnedHandle = StreamHandle & { transport?: HandleTransport };

/** A connection on the handle of a socket. */
export abstract class HandleTransport implements Transport {
  readonly remoteAddress: string | undefined;
  memory: Buffer = slab;
  unsentBytes = 0;
  isBlocked = false;
  hasEnded = false;
  protected readonly handle: StreamHandle;
  protected readonly bindings: StreamBindings;
  protected isClosed = false;
  /** Nothing can be sent any more; what came before is still to be read. */
  protected isWriteBroken = false;
  readonly #isOutgoing: boolean;
  #owner: TransportOwner | null = null;
  #bufferBytes = 0;
  #onSent: () => void = nothing;
  protected isReading = false;
  /** The end of what we send is on its way: it can be taken back no more. */
  protected isShuttingDown = false;
  #fullReads = 0;
  #turnBeganMs = 0;
  /** Reading goes on by itself in the next turn. */
  #isYielding = false;
  #isPeerDone = false;
  #isShutDown = false;

  constructor(handle: StreamHandle, bindings: StreamBindings, remoteAddress: string | undefined, isOutgoing: boolean) {
    this.#isOutgoing = isOutgoing;
    this.handle = handle;
    this.bindings = bindings;
    this.remoteAddress = remoteAddress;
    (handle as OwnedHandle).transport = this;
    handle.useUserBuffer(slab);
    handle.onread = onRead;
  }

  abstract write(bytes: Buffer): boolean;
  abstract lend(bytes: Buffer): void;
  /** Closes what is below. */
  protected abstract close(): void;
  /** Closes what is below with a RST, or in any other way when that can be no more. */
  protected abstract closeWithReset(): void;

  start(owner: TransportOwner): void {
    this.#owner = owner;
    this.#bufferBytes = owner.bufferBytes;
    this.resume();
  }

  get hasOwnMemory(): boolean {
    return this.memory !== slab;
  }

  takeMemory(): void {
    if (this.hasOwnMemory || this.isClosed || this.#bufferBytes > mostLending || owners === mostOwners) return;
    owners++;
    this.memory = Buffer.allocUnsafeSlow(bulkBytes);
    this.handle.useUserBuffer(this.memory);
  }

  /** Called by the handle, which says in the state of the thread what came: bytes, the end, or an error. */
  onRead(): void {
    this.tell(this.bindings.streamBaseState[this.bindings.kReadBytesOrError]!);
  }

  /** Tells the owner of bytes in the slab, or of what a negative number means. */
  protected tell(size: number): void {
    const owner = this.#owner;
    if (size === 0 || owner === null) return;
    if (size === this.memory.length) return this.#tellFull(owner, size);
    this.#fullReads = 0;
    if (size > 0) {
      if (!owner.onRead(size)) this.pause();
      return;
    }
    this.isReading = false;
    // Linux tells of a reset once: when the write has heard of it, the read hears of an end.
    if (size !== endOfStream || this.isWriteBroken) return this.break();
    this.#isPeerDone = true;
    owner.onEnd();
    if (this.#isShutDown) this.break();
  }

  /** Counts bytes that wait for the kernel. */
  protected await(bytes: number): void {
    this.unsentBytes += bytes;
    if (this.unsentBytes >= this.#bufferBytes) this.isBlocked = true;
  }

  /** A write that waited has come to its end. */
  protected onWritten(bytes: number, status: number): void {
    this.unsentBytes -= bytes;
    if (this.isClosed) return;
    if (status !== 0) return this.onWriteFailed();
    if (this.unsentBytes > 0) return;
    if (this.hasEnded) this.#shutDown();
    if (!this.isBlocked) return;
    this.isBlocked = false;
    this.#owner?.onDrain();
  }

  /**
   * A peer that answers and breaks the connection while it is still written to has its answer in our kernel: it is read
   * before the end is told. Whom we answer ourselves has nothing to say that could still be used.
   */
  protected onWriteFailed(): void {
    if (!this.#isOutgoing || this.#isPeerDone) return this.breakSoon();
    this.isWriteBroken = true;
    this.isBlocked = true;
  }

  /** More may be there at once: bulk, which has to leave the others their share. */
  #tellFull(owner: TransportOwner, size: number): void {
    if (this.#fullReads++ === 0) this.#turnBeganMs = performance.now();
    if (!owner.onRead(size)) return this.pause();
    if (!this.isReading) return; // the owner has paused it meanwhile, and means it
    if (this.#fullReads >= mostFullReads || performance.now() - this.#turnBeganMs > mostTurnMs) this.#yieldTurn();
  }

  #yieldTurn(): void {
    this.pause();
    this.#isYielding = true;
    setImmediate(() => {
      if (this.#isYielding) this.resume();
    });
  }

  pause(): void {
    this.#isYielding = false;
    this.#fullReads = 0;
    if (!this.isReading || this.isClosed) return;
    this.isReading = false;
    this.handle.readStop();
  }

  resume(): void {
    this.#isYielding = false;
    if (this.isReading || this.#isPeerDone || this.isClosed) return;
    this.isReading = true;
    const result = this.handle.readStart();
    if (result !== 0 && result !== already) this.breakSoon();
  }

  end(onSent: () => void): void {
    if (this.isClosed) return;
    this.#onSent = onSent;
    if (this.#isShutDown) return process.nextTick(() => this.#onShutDown());
    if (this.hasEnded) return;
    this.hasEnded = true;
    // While bytes wait the end waits, too: close_notify must be the last record, and no RST follows a FIN.
    if (this.unsentBytes === 0) this.#shutDown();
  }

  #shutDown(): void {
    this.isShuttingDown = true;
    const request = new this.bindings.ShutdownWrap();
    request.oncomplete = () => this.#onShutDown();
    const result = this.handle.shutdown(request);
    if (result === 1 || result === notConnected) process.nextTick(() => this.#onShutDown());
    else if (result !== 0) this.breakSoon();
  }

  #onShutDown(): void {
    if (this.isClosed) return;
    this.#isShutDown = true;
    this.#onSent();
    if (this.#isPeerDone) this.break();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.#leave();
    this.close();
  }

  reset(): void {
    if (this.isClosed) return;
    this.#leave();
    this.closeWithReset();
  }

  #leave(): void {
    this.isClosed = true;
    this.#owner = null;
    if (this.hasOwnMemory) owners--;
  }

  /** The connection is no more, whoever broke it. */
  protected break(): void {
    const owner = this.#owner;
    if (this.isClosed) return;
    this.destroy();
    owner?.onClosed();
  }

  protected breakSoon(): void {
    process.nextTick(() => this.break());
  }
}

function onRead(this: OwnedHandle): void {
  this.transport!.onRead();
}

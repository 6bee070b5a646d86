import type { Socket } from 'node:net';
import { slab } from './slab.ts';
import type { Transport, TransportOwner } from './transport.ts';

/** A connection on a public socket of Node: the plain way, and the oracle of `HandleTransport`. */
export class SocketTransport implements Transport {
  readonly remoteAddress: string | undefined;
  readonly memory = slab;
  readonly hasOwnMemory = false;
  readonly #socket: Socket;
  readonly #raw: Socket;
  #owner: TransportOwner | null = null;
  #bufferBytes = 0;
  #onSent = () => undefined as unknown;
  #endsLater = false;
  isBlocked = false;

  /** `raw` is the connection below, when `socket` is one under TLS. */
  constructor(socket: Socket, raw: Socket) {
    this.#socket = socket;
    this.#raw = raw;
    this.remoteAddress = raw.remoteAddress;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => undefined); // 'close' follows and says the same
    socket.on('close', () => this.#onClosed());
    socket.pause();
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get hasEnded(): boolean {
    return this.#socket.writableEnded;
  }

  start(owner: TransportOwner): void {
    this.#owner = owner;
    this.#bufferBytes = owner.bufferBytes;
    this.#socket.resume();
  }

  write(bytes: Buffer): boolean {
    if (!this.#socket.writable) return true;
    this.#socket.write(bytes, () => this.#onWritten());
    if (this.#socket.writableLength >= this.#bufferBytes) this.isBlocked = true;
    return this.#socket.writableLength === 0;
  }

  lend(bytes: Buffer): void {
    this.write(Buffer.from(bytes));
  }

  takeMemory(): void {
    // What a socket reads is copied to the slab anyway.
  }

  #onWritten(): void {
    if (!this.isBlocked || this.#socket.writableLength > 0) return;
    this.isBlocked = false;
    this.#owner?.onDrain();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
    if (this.#endsLater) process.nextTick(() => this.#endNow());
  }

  /** A stream that is paused with nothing to read tells of its end all the same. */
  #onEnd(): void {
    this.#endsLater = true;
    this.#endNow();
  }

  #endNow(): void {
    if (!this.#endsLater || this.#socket.isPaused()) return;
    this.#endsLater = false;
    this.#owner?.onEnd();
  }

  end(onSent: () => void): void {
    if (this.#socket.destroyed) return;
    this.#onSent = onSent;
    if (this.#socket.writableFinished) process.nextTick(() => this.#sent());
    else if (!this.#socket.writableEnded) this.#socket.end(() => this.#sent());
  }

  destroy(): void {
    this.#owner = null;
    this.#socket.destroy();
  }

  reset(): void {
    this.#owner = null;
    // Node leaves a socket open that is reset while its end is under way.
    if (this.#socket.writableEnded && this.#socket.writableLength === 0) this.#socket.destroy();
    else this.#raw.resetAndDestroy();
  }

  #sent(): void {
    if (!this.#socket.destroyed) this.#onSent();
  }

  #onData(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#owner !== null) {
      const size = chunk.copy(slab, 0, at);
      at += size;
      if (this.#owner.onRead(size) && !this.#socket.isPaused()) continue;
      this.#socket.pause();
      if (at < chunk.length) this.#socket.unshift(chunk.subarray(at));
      return;
    }
  }

  #onClosed(): void {
    const owner = this.#owner;
    this.#owner = null;
    owner?.onClosed();
  }
}

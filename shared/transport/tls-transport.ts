import type { Socket } from 'node:net';
import { HandleTransport } from './handle-transport.ts';
import { slab } from './slab.ts';
import type { StreamBindings, StreamHandle, WriteRequest } from './stream-handle.ts';

/**
 * A connection under TLS whose handshake is done. Its handle encrypts what it is given before `write` returns, so the
 * memory is free at once; but it takes one write at a time and says only in the next turn that it is done, so what
 * comes meanwhile waits here. To break either rule ends the process.
 */
export class TlsTransport extends HandleTransport {
  /** Owns the handle and answers its alerts. */
  readonly #secured: Socket;
  readonly #raw: Socket;
  readonly #waiting: Buffer[] = [];
  #request: WriteRequest;
  /** A request is in use until its callback has returned, and the callback may write: the two take turns. */
  #otherRequest: WriteRequest;
  /** Size of the write that is under way; 0 when there is none. */
  #writingBytes = 0;
  /** What was decrypted before the start or during a pause: bytes, or the number that stands for the end. */
  readonly #early: (Buffer | number)[] = [];
  #tellsSoon = false;

  constructor(secured: Socket, raw: Socket, handle: StreamHandle, bindings: StreamBindings) {
    super(handle, bindings, raw.remoteAddress, false);
    this.#secured = secured;
    this.#raw = raw;
    this.#request = this.#newRequest();
    this.#otherRequest = this.#newRequest();
    handle.readStop(); // a handshake leaves it reading
    secured.on('close', () => this.break());
  }

  #newRequest(): WriteRequest {
    const request = new this.bindings.WriteWrap();
    request.oncomplete = (status) => this.#onEncrypted(status);
    return request;
  }

  /** One read below may hold many records, and a pause among them is heard only behind the last. */
  override onRead(): void {
    if (this.isReading) return super.onRead();
    const size = this.bindings.streamBaseState[this.bindings.kReadBytesOrError]!;
    if (!this.isClosed && size !== 0) this.#early.push(size > 0 ? Buffer.from(slab.subarray(0, size)) : size);
  }

  /**
   * A TLS handle whose own write failed, as that of session tickets, tells of no later one, and what it reads then is an
   * end. So whoever is still written to is asked whether it is there at all.
   */
  protected override tell(size: number): void {
    if (size < 0 && this.unsentBytes > 0 && this.#isGone()) this.break();
    else super.tell(size);
  }

  #isGone(): boolean {
    const { _handle } = this.#raw as { _handle?: { getpeername?: (into: object) => number } | null };
    return typeof _handle?.getpeername === 'function' && _handle.getpeername({}) !== 0;
  }

  /** What a pause does not hold up at once would be written over bytes that are lent. */
  override takeMemory(): void {}

  override pause(): void {
    this.#tellsSoon = false;
    super.pause();
  }

  override resume(): void {
    if (this.#early.length === 0) return super.resume();
    if (this.#tellsSoon) return;
    this.#tellsSoon = true;
    process.nextTick(() => this.#tellEarly());
  }

  #tellEarly(): void {
    if (!this.#tellsSoon) return;
    this.#tellsSoon = false;
    this.isReading = true;
    while (this.isReading && !this.isClosed) {
      const next = this.#early.shift();
      if (next === undefined) {
        this.isReading = false;
        return super.resume();
      }
      this.tell(typeof next === 'number' ? next : next.copy(slab));
    }
  }

  write(bytes: Buffer): boolean {
    const { length } = bytes;
    if (this.isClosed || this.hasEnded || length === 0) return true;
    this.await(length);
    if (this.#writingBytes > 0) {
      this.#waiting.push(bytes);
      return false;
    }
    this.#encrypt(bytes);
    return true;
  }

  lend(bytes: Buffer): void {
    this.write(this.#writingBytes > 0 ? Buffer.from(bytes) : bytes);
  }

  #encrypt(bytes: Buffer): void {
    const request = this.#request;
    this.#request = this.#otherRequest;
    this.#otherRequest = request;
    this.#writingBytes = bytes.length;
    if (this.handle.writeBuffer(request, bytes) !== 0) this.onWriteFailed();
  }

  #onEncrypted(status: number): void {
    const size = this.#writingBytes;
    this.#writingBytes = 0;
    const { length } = this.#waiting;
    if (length > 0 && status === 0 && !this.isClosed)
      this.#encrypt(length === 1 ? this.#waiting.pop()! : Buffer.concat(this.#waiting.splice(0)));
    this.onWritten(size, status);
  }

  protected close(): void {
    this.#secured.destroy();
  }

  protected closeWithReset(): void {
    if (this.isShuttingDown) this.#secured.destroy();
    else this.#raw.resetAndDestroy();
  }
}

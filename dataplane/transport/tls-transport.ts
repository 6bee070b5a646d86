import type { Socket } from 'node:net';
import { HandleTransport } from './handle-transport.ts';
import type { StreamBindings, StreamHandle, WriteRequest } from './stream-handle.ts';

/**
 * A connection under TLS whose handshake is done. Its handle encrypts what it is given before `write` returns, so the
 * memory is free at once; but it takes one write at a time and says only in the next turn that it is done, so what
 * comes meanwhile waits here.
 */
export class TlsTransport extends HandleTransport {
  /** Owns the handle and answers its alerts. */
  readonly #secured: Socket;
  readonly #raw: Socket;
  readonly #waiting: Buffer[] = [];
  readonly #request: WriteRequest;
  /** Size of the write that is under way; 0 when there is none. */
  #writingBytes = 0;
  #endsWhenSent = false;

  constructor(secured: Socket, raw: Socket, handle: StreamHandle, bindings: StreamBindings) {
    super(handle, bindings, raw.remoteAddress, false);
    this.#secured = secured;
    this.#raw = raw;
    this.#request = new bindings.WriteWrap();
    this.#request.oncomplete = (status) => this.#onEncrypted(status);
    secured.on('close', () => this.break());
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.hasEnded) return true;
    this.await(bytes.length);
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
    this.#writingBytes = bytes.length;
    if (this.handle.writeBuffer(this.#request, bytes) !== 0) this.onWriteFailed();
  }

  #onEncrypted(status: number): void {
    const size = this.#writingBytes;
    this.#writingBytes = 0;
    const { length } = this.#waiting;
    if (length > 0 && status === 0 && !this.isClosed)
      this.#encrypt(length === 1 ? this.#waiting.pop()! : Buffer.concat(this.#waiting.splice(0)));
    this.onWritten(size, status);
    if (!this.#endsWhenSent || this.unsentBytes > 0 || this.isClosed) return;
    this.#endsWhenSent = false;
    this.shutDown();
  }

  /** close_notify must be the last record. */
  protected override shutDown(): void {
    if (this.unsentBytes > 0) this.#endsWhenSent = true;
    else super.shutDown();
  }

  protected close(): void {
    this.#secured.destroy();
  }

  protected closeWithReset(): void {
    if (this.hasEnded) this.#secured.destroy();
    else this.#raw.resetAndDestroy();
  }
}

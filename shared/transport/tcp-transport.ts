import { HandleTransport } from './handle-transport.ts';
import type { StreamBindings, StreamHandle, WriteRequest } from './stream-handle.ts';

/**
 * A connection in the clear. A write that the kernel takes at once, which is nearly every one, leaves nothing behind: no
 * callback, no object; so one request object serves all of them.
 */
export class TcpTransport extends HandleTransport {
  #request: WriteRequest;

  constructor(handle: StreamHandle, bindings: StreamBindings, remoteAddress: string | undefined, isOutgoing: boolean) {
    super(handle, bindings, remoteAddress, isOutgoing);
    this.#request = new bindings.WriteWrap();
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.hasEnded || this.isWriteBroken) return true;
    const { streamBaseState, kLastWriteWasAsync, WriteWrap } = this.bindings;
    const request = this.#request;
    if (this.handle.writeBuffer(request, bytes) !== 0) {
      this.onWriteFailed();
      return true;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return true;
    const size = bytes.length;
    request.bytes = bytes; // libuv only points at them: let go of, their memory would be another buffer's before they leave
    request.oncomplete = (status) => this.onWritten(size, status);
    this.#request = new WriteWrap();
    this.await(size);
    return false;
  }

  lend(bytes: Buffer): void {
    if (!this.write(bytes)) this.isBlocked = true;
  }

  protected close(): void {
    this.handle.close();
  }

  protected closeWithReset(): void {
    // A handle whose end is under way cannot be reset any more.
    if (this.isShuttingDown || this.handle.reset === undefined || this.handle.reset() !== 0) this.handle.close();
  }
}

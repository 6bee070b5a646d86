import { gunzipSync, inflateSync } from 'node:zlib';
import { grpc } from '../../shared/grpc/grpc.ts';
import type { RpcRefusal } from './otlp-grpc-server.ts';

/** One message, as it is sent and as it is when inflated; senders batch far below that. */
export const maxMessageBytes = 4 * 1024 * 1024;
const prefixBytes = 5;
const leastBytes = 1024;
const nothing = Buffer.alloc(0);

/** What all messages on their way in hold together, and may hold. */
export type Pending = { bytes: number; readonly mostBytes: number };

/**
 * The one message of a unary call, gathered from what comes in: a flag, the length in four bytes, the body. Copied into
 * one buffer that doubles, since a chunk of one byte may keep all that was read from the socket with it.
 */
export class GrpcMessage {
  readonly #pending: Pending;
  readonly #encoding: string;
  #bytes: Buffer = nothing;
  #sizeBytes = 0;

  constructor(pending: Pending, encoding: string | string[] | undefined) {
    this.#pending = pending;
    this.#encoding = String(encoding ?? 'identity');
  }

  /** Keeps the bytes, unless they are or will be too many: then it says so. */
  add(chunk: Buffer): RpcRefusal | null {
    const sizeBytes = this.#sizeBytes + chunk.length;
    if (sizeBytes > prefixBytes + maxMessageBytes) return tooLarge('the message');
    if (sizeBytes > this.#bytes.length) {
      const doubled = Math.max(leastBytes, sizeBytes, 2 * this.#bytes.length);
      const capacity = Math.min(doubled, prefixBytes + maxMessageBytes);
      const more = capacity - this.#bytes.length;
      if (this.#pending.bytes + more > this.#pending.mostBytes)
        return [grpc.status.UNAVAILABLE, 'too much is on its way in; try again later'];
      this.#pending.bytes += more;
      const grown = Buffer.allocUnsafeSlow(capacity);
      this.#bytes.copy(grown, 0, 0, this.#sizeBytes);
      this.#bytes = grown;
    }
    chunk.copy(this.#bytes, this.#sizeBytes);
    this.#sizeBytes = sizeBytes;
    const isAnnounced = sizeBytes >= prefixBytes;
    return isAnnounced && this.#bytes.readUInt32BE(1) > maxMessageBytes ? tooLarge('the message') : null;
  }

  /** The body, inflated, once everything has come. */
  read(): Buffer | RpcRefusal {
    const bytes = this.#bytes.subarray(0, this.#sizeBytes);
    if (bytes.length < prefixBytes || bytes.readUInt32BE(1) !== bytes.length - prefixBytes)
      return [grpc.status.INTERNAL, 'the call must carry exactly one message'];
    const body = bytes.subarray(prefixBytes);
    return bytes[0] === 0 ? body : this.#inflate(body);
  }

  /** Lets go of what has come. */
  drop(): void {
    this.#pending.bytes -= this.#bytes.length;
    this.#bytes = nothing;
    this.#sizeBytes = 0;
  }

  /** Synchronous, so that no more than one inflated message waits to be read. */
  #inflate(body: Buffer): Buffer | RpcRefusal {
    const inflaters = { gzip: gunzipSync, deflate: inflateSync };
    if (this.#encoding !== 'gzip' && this.#encoding !== 'deflate')
      return [grpc.status.UNIMPLEMENTED, `grpc-encoding must be gzip, deflate or identity; got "${this.#encoding}"`];
    try {
      return inflaters[this.#encoding](body, { maxOutputLength: maxMessageBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge('the inflated message');
      return [grpc.status.INTERNAL, `the message is not ${this.#encoding}: ${(error as Error).message}`];
    }
  }
}

function tooLarge(what: string): RpcRefusal {
  return [grpc.status.RESOURCE_EXHAUSTED, `${what} is larger than ${maxMessageBytes} bytes; send smaller batches`];
}

import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { Head } from '../message/head.ts';
import type { LocalReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';

/** The side of an exchange that called us. Bytes handed over are only good during the call. */
export type Downstream = {
  /** The socket has more than it wants; `onDownstreamDrain` of the exchange tells when that is over. */
  readonly isBlocked: boolean;
  /** Bytes that last are written as they are, so that they are worth memory of their own. */
  readonly borrows: boolean;
  sendInterim(head: ReplyHead): void;
  /** `hasBody` is false for replies to HEAD, 204 and 304. */
  sendHead(head: ReplyHead, hasBody: boolean): void;
  /** `isLasting` tells that the bytes stay as they are until this side is not blocked, so they need not be copied. */
  sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void;
  /** Ends the reply and writes out what is waiting. */
  sendEnd(trailers: Head | null): void;
  sendLocal(reply: LocalReply): void;
  /** Sends 101; from then on bytes go through as they are. */
  sendUpgrade(head: ReplyHead): void;
  /** Answers CONNECT with 200; from then on bytes go through as they are. */
  sendTunnelOpen(): void;
  /** Writes out what the send calls put together. */
  flush(): void;
  /** The other side of a tunnel sends no more. */
  endTunnel(): void;
  pauseRequest(): void;
  resumeRequest(): void;
  /** The exchange is over: the next request may begin. */
  onExchangeComplete(): void;
  /** The reply cannot be completed, for this cause: it must not look whole. */
  abort(cause: ErrorCode): void;
};

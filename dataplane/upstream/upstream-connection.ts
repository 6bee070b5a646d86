import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { Head } from '../message/head.ts';
import type { OutgoingHead } from '../message/outgoing-head.ts';
import type { ReplyHead } from '../message/reply-head.ts';

/** What a connection needs to know of the request it carries, and whom it tells about the reply. */
export type UpstreamRequest = OutgoingHead & {
  /** Body that came before the connection was there. */
  readonly heldBody: Buffer;
  /** The whole request is here. */
  readonly isRequestWhole: boolean;
  readonly requestTrailers: Head | null;
  /** Who takes the reply writes bytes that last as they are. */
  readonly borrowsReply: boolean;

  onInterim(head: ReplyHead): void;
  /** Returns false when the reply is not wanted because the request is tried again. */
  onReplyHead(head: ReplyHead, hasBody: boolean): boolean;
  /** `isLasting` tells that the bytes stay as they are until the connection is resumed, if `flushReply` pauses it. */
  onReplyBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void;
  /** Writes out what came of the reply; false when the caller wants no more for now. */
  flushReply(): boolean;
  onReplyEnd(trailers: Head | null): void;
  /** The connection has been given back: the exchange may end. */
  onReplyDone(): void;
  onUpgrade(head: ReplyHead): void;
  /** The connection of a CONNECT is there, and bytes go through as they are. */
  onTunnelOpen(): void;
  onTunnelEnd(): void;
  /** The socket takes more of the request again. */
  onUpstreamDrain(): void;
  /** `isStale` tells that a connection that had rested was closed without a byte: most likely before the request came. */
  onUpstreamFailure(code: ErrorCode, isStale: boolean): void;
};

/** A connection to an endpoint, while it carries a request. */
export type UpstreamConnection = {
  readonly isBlocked: boolean;
  /** As for `Downstream`. */
  readonly borrows: boolean;
  begin(request: UpstreamRequest): void;
  /** Puts bytes together that leave with `flushRequest`; `isLasting` as for `Downstream.sendBody`. */
  sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void;
  flushRequest(): void;
  sendEnd(trailers: Head | null): void;
  endTunnel(): void;
  resumeReply(): void;
  /** Lets go of the request and closes the connection. */
  abort(): void;
};

/** Who is told what happens on a transport. */
export type TransportOwner = {
  /** From this many unsent bytes on the transport is blocked; asked once, at the start. */
  readonly bufferBytes: number;
  /** The transport's `memory` holds `size` bytes. Returns false to be given no more until `resume`. */
  onRead(size: number): boolean;
  /** The peer sends no more; it may still read. */
  onEnd(): void;
  /** The kernel has taken all that was written, after `isBlocked` was true. */
  onDrain(): void;
  /** The connection is gone: it broke, or both sides have ended. Called once, and not after `destroy` or `reset`. */
  onClosed(): void;
};

/**
 * A connection's bytes in and out, clear or under TLS. Reads go into `memory`, one callback a read; nothing is read
 * before `start`. No call of these calls the owner back before it returns.
 */
export type Transport = {
  /** IP address of the peer when the connection was made; undefined when it was gone already. */
  readonly remoteAddress: string | undefined;
  /** Where reads land, from its start: the slab that all connections share, or memory of its own. */
  readonly memory: Buffer;
  /** Reads land in memory from now on that nobody else writes to, if there is some to be had. */
  takeMemory(): void;
  readonly hasOwnMemory: boolean;
  /** Bytes written that the kernel does not have yet. */
  readonly unsentBytes: number;
  /** The owner's `bufferBytes` or more, or lent bytes, were unsent after a write, and `onDrain` is still to come. */
  readonly isBlocked: boolean;
  start(owner: TransportOwner): void;
  /** Writes all of `bytes`. True when the memory may be used again at once; else it is the transport's for good. */
  write(bytes: Buffer): boolean;
  /** Writes bytes that stay as they are at least until `isBlocked` is false, so that they need not be copied. */
  lend(bytes: Buffer): void;
  pause(): void;
  resume(): void;
  /**
   * Sends no more after what was written (FIN, close_notify). `onSent` follows when that has left, if it ever does; when
   * the end was asked for before, the last `onSent` counts.
   */
  end(onSent: () => void): void;
  readonly hasEnded: boolean;
  /** Closes at once. What is unsent is lost. */
  destroy(): void;
  /** Closes with a RST, so that what was sent cannot be taken for the whole. */
  reset(): void;
};

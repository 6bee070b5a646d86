import type { Head } from './head.ts';

/** What a listener knows of whoever opened a connection, decided once for all of its requests. */
export type Caller = {
  /** Guarded fields that it may not say: they stay behind. */
  readonly removes: number;
  /** Guarded fields for which its requests are refused. */
  readonly refuses: number;
  /** What it says about those before it is believed, and its own address added. */
  readonly isTrusted: boolean;
  /** Its address, in ASCII. */
  readonly address: Uint8Array;
  /** What is added to its requests; null adds nothing. */
  readonly forwarding: ForwardingText | null;
  /** How our hop shows in Via; null adds none. */
  readonly via: ViaText | null;
};

export type ViaText = {
  /** In lower case. */
  readonly name: string;
  readonly line: Buffer;
  /** For a request that came as HTTP/1.0. */
  readonly oldLine: Buffer;
  readonly http2Line: Buffer;
};

/** The line for a request in the version that it came in (RFC 9110 §7.6.3). */
export function viaLine(via: ViaText, head: Head): Buffer {
  if (head.isHttp2) return via.http2Line;
  return head.minorVersion === 0 ? via.oldLine : via.line;
}

/** The fields that tell the next hop of this caller, as far as they are the same for all of its requests. */
export type ForwardingText = {
  /** Lines of X-Forwarded-For and -Proto, up to where the host belongs in the one of -Host; null sends none of them. */
  readonly xForwarded: Buffer | null;
  readonly address: Buffer;
  readonly protoLine: Buffer;
  /** Element of Forwarded up to where the host belongs; null sends none. */
  readonly element: Buffer | null;
};

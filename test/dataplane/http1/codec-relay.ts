import { BodyReader, type BodySink, Framing } from '../../../dataplane/http1/body-reader.ts';
import { ReplyFraming, writeReplyHead, writeRequestHead, writeTrailers } from '../../../dataplane/http1/head-writer.ts';
import { readReplyHead } from '../../../dataplane/http1/read-reply-head.ts';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { CR, LF } from '../../../dataplane/message/grammar.ts';
import {
  dropListed,
  type Head,
  type HeadLimits,
  HeadVerdict,
  isOffered,
  noLength,
} from '../../../dataplane/message/head.ts';
import { ReplyHead } from '../../../dataplane/message/reply-head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { TraceContext } from '../../../observability/tracing/trace-context.ts';
import type { Field } from '../../harness/strict-http1/rules.ts';

/** The codec without sockets: what the two connections do with a message, from the bytes read to the bytes written. */

/** One message as the codec read it. */
export type ReadMessage = {
  startLine: string;
  fields: Field[];
  body: Buffer;
  trailers: Field[];
  /** Host as routes see it; empty for a reply. */
  host: string;
};

export type Relayed = {
  messages: ReadMessage[];
  /** The bytes end in the middle of a message. */
  isPartial: boolean;
  /** Error code of what was refused, and what it was refused in; null when nothing was. */
  refused: { code: string; detail: string; part: 'head' | 'body' } | null;
  /** Offset after the last whole message. */
  end: number;
  /** What was written for the next hop. */
  written: Buffer;
  /** Bytes written for whole messages; what follows belongs to the one that is cut. */
  writtenWhole: number;
};

export const codecLimits: HeadLimits = { headBytes: 65_536, headerCount: 100, targetBytes: 16_384 };

/** Nothing is taken from it or added: that happens in front of the codec. */
const anybody: Caller = { removes: 0, refuses: 0, isTrusted: false, address: Buffer.of(), forwarding: null, via: null };

const crlf = Buffer.from('\r\n');
const lastChunk = Buffer.from('0\r\n');

/** Reads messages from pieces in the order of their coming, and writes each on. Used for one connection. */
abstract class CodecRelay<H extends Head> implements BodySink {
  protected readonly out = new OutBuffer();
  protected sendsChunks = false;
  protected abstract readonly head: H;
  readonly #reader = new BodyReader();
  readonly #relayed: Relayed = {
    messages: [],
    isPartial: false,
    refused: null,
    end: 0,
    written: Buffer.alloc(0),
    writtenWhole: 0,
  };
  #held: Buffer = Buffer.alloc(0);
  #message: ReadMessage | null = null;
  #body: Buffer[] = [];
  #trailers: Head | null = null;
  #listed: string | null = null;
  #hasEnded = false;
  #taken = 0;

  protected abstract readHead(bytes: Buffer, from: number): HeadVerdict;
  /** Writes the head on and says how the body comes; null when nothing more is to be read. */
  protected abstract onHead(): { framing: Framing; length: number } | null;
  protected abstract hostOf(head: H): string;

  relay(pieces: readonly Buffer[], isClosed: boolean): Relayed {
    const relayed = this.#relayed;
    for (const piece of pieces) this.#feed(piece);
    if (isClosed && this.#message !== null && this.#reader.endByClose(this)) this.#finish(this.#taken);
    relayed.isPartial =
      relayed.refused === null && !this.#hasEnded && (this.#message !== null || this.#held.length > 0);
    relayed.written = Buffer.from(this.out.bytes.subarray(0, this.out.length));
    return relayed;
  }

  #feed(piece: Buffer): void {
    let bytes = piece;
    if (this.#message === null) {
      bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
      this.#held = Buffer.alloc(0);
    }
    let from = 0;
    while (this.#relayed.refused === null && !this.#hasEnded) {
      if (this.#message === null) {
        if (from === bytes.length) return;
        const verdict = this.readHead(bytes, from);
        if (verdict === HeadVerdict.partial) {
          this.#held = Buffer.from(bytes.subarray(from));
          return;
        }
        if (verdict === HeadVerdict.refused) return this.#refuse(this.head.refusal, this.head.refusalDetail, 'head');
        this.#begin(from);
        from = this.head.end;
        if (this.#hasEnded) return;
      }
      if (!this.#reader.isDone) {
        const next = this.#reader.read(bytes, from, bytes.length, this);
        if (next === -1) return this.#refuse('', '', 'body');
        this.#taken += next - from;
        from = next;
      }
      if (!this.#reader.isDone) return;
      this.#finish(this.#taken);
    }
  }

  #begin(from: number): void {
    const { head } = this;
    this.#message = {
      startLine: head.bytes.toString('latin1', head.start, head.fieldsStart - 2),
      fields: fieldsOf(head),
      body: Buffer.alloc(0),
      trailers: [],
      host: this.hostOf(head),
    };
    this.#taken += head.end - from;
    this.#body = [];
    this.#trailers = null;
    this.#listed = head.connectionNamesFields ? head.header('connection') : null;
    const body = this.onHead();
    if (body === null) {
      this.#reader.begin(Framing.none, 0);
      this.#finish(this.#taken);
      this.#hasEnded = true;
    } else this.#reader.begin(body.framing, body.length);
  }

  #refuse(code: string, detail: string, part: 'head' | 'body'): void {
    this.#relayed.refused = { code, detail, part };
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    const { out } = this;
    this.#body.push(Buffer.from(bytes.subarray(from, to)));
    if (this.sendsChunks) {
      out.hex(to - from);
      out.constant(crlf);
    }
    out.copy(bytes, from, to);
    if (this.sendsChunks) out.constant(crlf);
  }

  onBodyEnd(trailers: Head | null): void {
    this.#trailers = trailers;
  }

  #finish(end: number): void {
    const { out } = this;
    const message = this.#message!;
    message.body = Buffer.concat(this.#body);
    if (this.#trailers !== null) {
      message.trailers = fieldsOf(this.#trailers);
      if (this.#listed !== null) dropListed(this.#trailers, this.#listed);
    }
    if (this.sendsChunks) {
      out.constant(lastChunk);
      if (this.#trailers === null) out.constant(crlf);
      else writeTrailers(out, this.#trailers);
    }
    this.#relayed.messages.push(message);
    this.#relayed.end = end;
    this.#relayed.writtenWhole = out.length;
    this.#message = null;
  }
}

class RequestRelay extends CodecRelay<RequestHead> {
  protected readonly head = new RequestHead();
  readonly #trace = new TraceContext();
  readonly #limits: HeadLimits;

  constructor(limits: HeadLimits) {
    super();
    this.#limits = limits;
  }

  protected readHead(bytes: Buffer, from: number): HeadVerdict {
    // As the connection does: one empty line before a request is passed over (RFC 9112 §2.2).
    const isCut = bytes.length === from + 1 && bytes[from] === CR;
    const start = bytes[from] === CR && bytes[from + 1] === LF ? from + 2 : from;
    return isCut ? HeadVerdict.partial : readRequestHead(this.head, bytes, start, bytes.length, this.#limits);
  }

  protected onHead(): { framing: Framing; length: number } {
    const { head } = this;
    const trace = this.#trace;
    const field = head.traceparentField;
    if (field < 0 || !trace.accept(head.bytes, head.offsets[field * 4 + 2]!, head.offsets[field * 4 + 3]!))
      trace.begin(false);
    const asks = head.connectionUpgrade && head.upgradeField !== -1 && head.minorVersion === 1;
    const isUpgrade = asks && !/h2c/i.test(head.valueAt(head.upgradeField));
    writeRequestHead(this.out, { head, trace, caller: anybody, isUpgrade, remainingMs: 0, attempt: 1 });
    this.sendsChunks = head.isChunked;
    if (head.isChunked) return { framing: Framing.chunked, length: 0 };
    return { framing: head.contentLength > 0 ? Framing.length : Framing.none, length: head.contentLength };
  }

  protected hostOf(head: RequestHead): string {
    return head.host;
  }
}

class ReplyRelay extends CodecRelay<ReplyHead> {
  protected readonly head = new ReplyHead();
  readonly #methods: readonly string[];
  readonly #limits: HeadLimits;
  #answered = 0;

  constructor(methods: readonly string[], limits: HeadLimits) {
    super();
    this.#methods = methods;
    this.#limits = limits;
  }

  protected readHead(bytes: Buffer, from: number): HeadVerdict {
    if (this.#answered === this.#methods.length) return this.head.refuse('upstream_protocol', 'a reply too many');
    const { head } = this;
    const verdict = readReplyHead(head, bytes, from, bytes.length, this.#limits);
    if (verdict !== HeadVerdict.whole || head.status !== 101) return verdict;
    if (head.upgradeField !== -1 && isOffered('websocket', head.valueAt(head.upgradeField))) return verdict;
    return head.refuse('upstream_protocol', 'a switch that was not asked for');
  }

  protected onHead(): { framing: Framing; length: number } | null {
    const { head } = this;
    const isInterim = head.status < 200;
    const hasBody =
      !isInterim && this.#methods[this.#answered] !== 'HEAD' && head.status !== 204 && head.status !== 304;
    this.sendsChunks = hasBody && head.contentLength === noLength;
    writeReplyHead(this.out, head, {
      framing: this.sendsChunks ? ReplyFraming.chunked : hasBody ? ReplyFraming.length : ReplyFraming.none,
      saysKeepAlive: false,
      saysClose: false,
      stripsReason: true,
      isUpgrade: head.status === 101,
    });
    if (!isInterim) this.#answered++;
    if (head.status === 101) return null;
    if (!hasBody) return { framing: Framing.none, length: 0 };
    if (head.isChunked) return { framing: Framing.chunked, length: 0 };
    if (head.contentLength !== noLength) return { framing: Framing.length, length: head.contentLength };
    return { framing: Framing.close, length: 0 };
  }

  protected hostOf(): string {
    return '';
  }
}

function fieldsOf(head: Head): Field[] {
  const fields: Field[] = [];
  for (let i = 0; i < head.fieldCount; i++)
    fields.push([head.bytes.toString('latin1', head.offsets[i * 4]!, head.offsets[i * 4 + 1]!), head.valueAt(i)]);
  return fields;
}

/** Reads the requests that come in these pieces, and writes them on as to an instance. */
export function relayRequests(pieces: readonly Buffer[], limits: HeadLimits = codecLimits): Relayed {
  return new RequestRelay(limits).relay(pieces, false);
}

/** Reads the replies to requests of these methods, which offer to switch to websocket, and writes them on as to a caller of HTTP/1.1. */
export function relayReplies(
  pieces: readonly Buffer[],
  methods: readonly string[],
  isClosed: boolean,
  limits: HeadLimits = codecLimits,
): Relayed {
  return new ReplyRelay(methods, limits).relay(pieces, isClosed);
}

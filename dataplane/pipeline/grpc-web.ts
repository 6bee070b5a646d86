import { notInTrailers } from '../message/dropped-fields.ts';
import { isGrpcType, type WebType } from '../message/grpc-type.ts';
import { asGrpcRequest, asWebReply, webReplyType, webRequestType } from '../message/grpc-web-head.ts';
import type { Head } from '../message/head.ts';
import { grpcReply, type LocalReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import { Base64Decoder } from './base64-decoder.ts';
import type { Downstream } from './downstream.ts';
import { PassingDownstream } from './passing-downstream.ts';

/** First byte of the frame that has the trailers (PROTOCOL-WEB.md, "Message framing"). */
const trailersFlag = 0x80;
const frameHeadBytes = 5;

/**
 * A call of gRPC-Web to a service that speaks gRPC. To the exchange it is a call of gRPC: this stands between it and the
 * caller, who gets the same frames with the trailers as the last one, and all of them in base64 if that was asked for. Each
 * piece is passed on as it comes.
 */
export class GrpcWebCall extends PassingDownstream {
  /** What the exchange carries. */
  readonly head: RequestHead;
  /** For a body in base64, else null. */
  readonly text: Base64Decoder | null;
  readonly #replyType: WebType;
  /** The reply is one of gRPC, and its trailers are still to come. */
  #hasFrames = false;

  constructor(caller: Downstream, head: RequestHead) {
    super(caller);
    const { grpcName, isText } = webRequestType(head);
    this.head = asGrpcRequest(head, grpcName);
    this.text = isText ? new Base64Decoder() : null;
    this.#replyType = webReplyType(head);
  }

  /** What is no reply of gRPC, such as an error page on the way, stays as it is. */
  override sendHead(head: ReplyHead, hasBody: boolean): void {
    const isGrpc = isGrpcType(head.header('content-type') ?? '');
    this.#hasFrames = isGrpc && hasBody && !head.isEmpty;
    this.caller.sendHead(isGrpc ? asWebReply(head, this.#replyType.name) : head, hasBody);
  }

  /** A piece of text is padded by itself: its last bytes cannot wait for those of a message that may be long in coming. */
  override sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    if (!this.#hasFrames || !this.#replyType.isText) return this.caller.sendBody(bytes, from, to, isLasting);
    const text = Buffer.from(bytes.toString('base64', from, to), 'latin1');
    this.caller.sendBody(text, 0, text.length, true);
  }

  override sendEnd(trailers: Head | null): void {
    if (!this.#hasFrames) return this.caller.sendEnd(trailers);
    if (trailers !== null) {
      const frame = trailersFrame(trailers);
      this.sendBody(frame, 0, frame.length, true);
    }
    this.caller.sendEnd(null);
  }

  override sendLocal(reply: LocalReply): void {
    this.caller.sendLocal(grpcReply(reply, this.#replyType.name));
  }
}

/** Trailers as lines of HTTP/1, in lower case and without the empty line. */
function trailersFrame(trailers: Head): Buffer {
  const { bytes, offsets } = trailers;
  let lines = '';
  for (let i = 0; i < trailers.fieldCount; i++) {
    if (notInTrailers[trailers.names[i]!] === 1) continue;
    const name = bytes.toString('latin1', offsets[i * 4], offsets[i * 4 + 1]).toLowerCase();
    lines += `${name}: ${trailers.valueAt(i)}\r\n`;
  }
  const frame = Buffer.allocUnsafe(frameHeadBytes + lines.length);
  frame[0] = trailersFlag;
  frame.writeUInt32BE(lines.length, 1);
  frame.write(lines, frameHeadBytes, 'latin1');
  return frame;
}

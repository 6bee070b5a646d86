import type { HpackEncoder } from '../../shared/http2/hpack/encoder.ts';
import { Case } from '../message/dropped-fields.ts';
import { noLength } from '../message/head.ts';
import type { LocalReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { OutBuffer } from '../transport/out-buffer.ts';
import { EncodedHeads } from './encoded-heads.ts';
import { encodeFields, encodeLength, encodeLines } from './field-encoder.ts';

/** Encodes the heads of replies for one connection. */
export class ReplyEncoder {
  readonly #encoder: HpackEncoder;
  readonly #cases: number;
  readonly #encoded = new EncodedHeads();

  /** `stripsReason` for replies of an application, which may not speak in our name. */
  constructor(encoder: HpackEncoder, stripsReason: boolean) {
    this.#encoder = encoder;
    this.#cases = Case.always | Case.http2 | (stripsReason ? Case.application : 0);
  }

  /** Lets go of what it keeps for the replies to come. */
  rest(): void {
    this.#encoded.clear();
  }

  /** Encodes a reply's head, or the one of an interim reply (1xx). */
  encode(out: OutBuffer, head: ReplyHead): void {
    const encoder = this.#encoder;
    const known = head.sharedId === 0 ? null : this.#encoded.find(head, null, 0, encoder.generation);
    if (known !== null) return out.constant(known);
    const start = out.length;
    const { generation } = encoder;
    encoder.status(out, head.status);
    encodeFields(encoder, out, head, this.#cases);
    const saysLength = head.contentLength !== noLength && head.status !== 204 && head.status >= 200;
    if (saysLength) encodeLength(encoder, out, head.contentLength);
    if (head.sharedId !== 0 && encoder.generation === generation)
      this.#encoded.keep(head, null, 0, generation, out.bytes.subarray(start, out.length));
  }
}

/** Tells a caller that its tunnel is open; `head` is the 101 of an upgrade, null for a CONNECT. */
export function encodeTunnelOpen(encoder: HpackEncoder, out: OutBuffer, head: ReplyHead | null): void {
  encoder.status(out, 200);
  if (head !== null) encodeFields(encoder, out, head, Case.always | Case.http2 | Case.application);
}

/** Encodes a reply of our own. One without a body ends with its head, which says enough about its length. */
export function encodeLocalReply(encoder: HpackEncoder, out: OutBuffer, reply: LocalReply): void {
  encoder.status(out, reply.status);
  const isBodyless = reply.status === 204 || reply.status === 304 || reply.body.length === 0;
  const bytes = Buffer.from(
    `content-type: ${reply.contentType}\r\n` +
      (isBodyless ? '' : `content-length: ${reply.body.length}\r\n`) +
      `${reply.fields}x-meshlane-reason: ${reply.reason}\r\ndate: ${new Date().toUTCString()}\r\n`,
    'latin1',
  );
  encodeLines(encoder, out, bytes, bytes.length);
}

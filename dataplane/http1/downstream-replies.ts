import type { LocalReply } from '../message/local-reply.ts';
import { reasonPhrase } from '../message/reason-phrase.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { ascii, type OutBuffer } from '../transport/out-buffer.ts';
import { ReplyFraming, type ReplyOptions, writeReplyHead } from './head-writer.ts';

/** Without any field: neither length nor coding may stand in it (RFC 9110 §9.3.6). */
const tunnelOpen = ascii('HTTP/1.1 200 Connection Established\r\n\r\n');

/** What a reply says of its connection: nothing, that it stays for a caller that would not expect it, or that it closes. */
export type Persistence = '' | 'keep-alive' | 'close';

/** Writes the heads of a connection's replies, and the replies that the proxy gives itself. */
export class ReplyHeads {
  readonly #out: OutBuffer;
  readonly #options: ReplyOptions;

  constructor(out: OutBuffer, stripsReason: boolean) {
    this.#out = out;
    this.#options = {
      framing: ReplyFraming.none,
      saysKeepAlive: false,
      saysClose: false,
      stripsReason,
      isUpgrade: false,
    };
  }

  interim(head: ReplyHead): void {
    this.#write(head, ReplyFraming.none, '', false);
  }

  upgrade(head: ReplyHead): void {
    this.#write(head, ReplyFraming.none, '', true);
  }

  tunnelOpen(): void {
    this.#out.constant(tunnelOpen);
  }

  final(head: ReplyHead, framing: ReplyFraming, persistence: Persistence): void {
    this.#write(head, framing, persistence, false);
  }

  #write(head: ReplyHead, framing: ReplyFraming, persistence: Persistence, isUpgrade: boolean): void {
    const options = this.#options;
    options.framing = framing;
    options.saysKeepAlive = persistence === 'keep-alive';
    options.saysClose = persistence === 'close';
    options.isUpgrade = isUpgrade;
    writeReplyHead(this.#out, head, options);
  }

  local(reply: LocalReply, persistence: Persistence, isToHead: boolean): void {
    const isBodyless = reply.status === 204 || reply.status === 304; // a user may choose them for a fallback
    this.#out.text(
      `HTTP/1.1 ${reply.status} ${reasonPhrase(reply.status)}\r\ncontent-type: ${reply.contentType}\r\n` +
        (isBodyless ? '' : `content-length: ${reply.body.length}\r\n`) +
        `${reply.fields}x-meshlane-reason: ${reply.reason}\r\ndate: ${new Date().toUTCString()}\r\n` +
        (persistence === '' ? '\r\n' : `connection: ${persistence}\r\n\r\n`),
    );
    if (!isToHead && !isBodyless) this.#out.constant(reply.body);
  }
}

import type { HpackDecoder } from '../../shared/http2/hpack/decoder.ts';
import type { HeadLimits, HeadVerdict } from '../message/head.ts';
import { reasonPhrase } from '../message/reason-phrase.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { FieldKind } from './field-kind.ts';
import { HeadAssembler, type ListLimits } from './head-assembler.ts';

const digit0 = 48;

/** Puts replies together (RFC 9113 §8.3.2). */
export class ReplyAssembler extends HeadAssembler<ReplyHead> {
  #status = 0;

  override begin(head: ReplyHead, limits: ListLimits, decoder: HpackDecoder): void {
    super.begin(head, limits, decoder);
    this.#status = 0;
  }

  protected override onPseudo(bytes: Buffer, from: number, length: number, kind: number): boolean {
    if (kind !== FieldKind.status || this.#status !== 0 || length !== 3) return false;
    for (let i = from; i < from + 3; i++) {
      const digit = bytes[i]! - digit0;
      if (digit < 0 || digit > 9) return false;
      this.#status = this.#status * 10 + digit;
    }
    return this.#status >= 100 && this.#status <= 599 && this.#status !== 101; // RFC 9113 §8.6
  }

  /** As in a status line. */
  protected override beforeRegular(): void {
    const { head } = this;
    head.status = this.#status;
    head.start = this.appendText(`HTTP/1.1 ${this.#status} `);
    head.reasonStart = this.appendText(reasonPhrase(this.#status));
    head.reasonEnd = this.length;
  }

  /** The block is whole; `isWhole` tells that the reply ends with it. Whatever is refused is malformed. */
  finish(limits: HeadLimits, isWhole: boolean): HeadVerdict {
    const { head } = this;
    this.closeLines();
    if (this.#status === 0) this.fault = 'no :status';
    if (this.isTooLarge) this.fault = `a head of more than ${limits.headBytes} bytes or ${limits.headerCount} fields`;
    if (isWhole && head.status < 200) this.fault = 'an interim reply that ends the stream';
    if (this.fault !== '') return head.refuse('upstream_protocol', this.fault);
    head.isEmpty = isWhole;
    return head.readKnownFields();
  }
}

import type { HpackDecoder } from '../../shared/http2/hpack/decoder.ts';
import type { Caller } from '../message/caller.ts';
import { admit } from '../message/guarded-fields.ts';
import { type HeadLimits, HeadVerdict } from '../message/head.ts';
import { RequestHead } from '../message/request-head.ts';
import { BlockCache } from './block-cache.ts';
import { RequestAssembler } from './request-assembler.ts';
import { addTraceTail, traceLineBytes, traceTailAt } from './trace-tail.ts';

/** Heads are put together within one call, so all connections share what does it. */
const assembler = new RequestAssembler();
/** Takes the blocks of requests that are not served, which still have to go through the table. */
const discarded = new RequestHead();

/** Whose head is read. */
export type HeadOwner = {
  /** Memory for a head that is its own. */
  readonly ownHead: RequestHead;
  /** Others use that one, too, from now on. */
  giveHeadAway(): void;
};

/** Of a head that was read: it is to be served, or answered with what it says itself, or reset; 'lost' is the whole connection. */
export type RequestVerdict = 'whole' | 'refused' | 'malformed' | 'lost';

/** Reads the heads of requests on one connection. Those that come again are not decoded, checked and put together again. */
export class RequestReader {
  verdict: RequestVerdict = 'whole';
  readonly #decoder: HpackDecoder;
  readonly #limits: HeadLimits;
  readonly #caller: Caller;
  readonly #takesConnect: boolean;
  readonly #cache = new BlockCache<RequestHead>();

  constructor(decoder: HpackDecoder, limits: HeadLimits, caller: Caller, takesConnect: boolean) {
    this.#decoder = decoder;
    this.#limits = limits;
    this.#caller = caller;
    this.#takesConnect = takesConnect;
  }

  /** Lets go of what it keeps for the heads to come. */
  rest(): void {
    this.#cache.clear();
  }

  /** Reads a block; `verdict` tells what has become of it. The head is the owner's own, or one that nobody changes. */
  read(owner: HeadOwner, isEnd: boolean, block: Buffer, from: number, to: number): RequestHead {
    const { generation } = this.#decoder;
    const tailAt = traceTailAt(block, from, to);
    const known = this.#cache.find(block, from, tailAt, isEnd, generation);
    if (known !== null) {
      this.verdict = 'whole';
      return tailAt === to ? known : withTrace(owner.ownHead, known, block, to);
    }
    const { isRepeated } = this.#cache;
    const head = owner.ownHead;
    this.verdict = this.#readInto(head, isEnd, block, from, to);
    // What asks for an upgrade has a key in it that is good once.
    if (this.verdict !== 'whole' || !isRepeated || this.#decoder.generation !== generation || head.upgradeField !== -1)
      return head;
    if (tailAt !== to) this.#keepWithoutTrace(isEnd, block, from, tailAt);
    else {
      this.#cache.keep(block, from, to, isEnd, generation, head);
      owner.giveHeadAway();
    }
    return head;
  }

  #readInto(head: RequestHead, isEnd: boolean, block: Buffer, from: number, to: number): RequestVerdict {
    head.takesConnect = this.#takesConnect;
    assembler.begin(head, this.#limits, this.#decoder);
    if (this.#decoder.decode(block, from, to, assembler) !== null) return 'lost';
    let verdict = assembler.finish(this.#limits, isEnd);
    if (verdict === HeadVerdict.whole && head.guarded !== 0) verdict = admit(head, this.#caller);
    if (verdict === HeadVerdict.whole) return 'whole';
    return assembler.fault === '' ? 'refused' : 'malformed';
  }

  /** What stands before the traceparent may come again. Where that is no head of its own, it was the end of something else. */
  #keepWithoutTrace(isEnd: boolean, block: Buffer, from: number, to: number): void {
    const head = new RequestHead();
    const isHead = this.#readInto(head, isEnd, block, from, to) === 'whole' && head.traceparentField === -1;
    if (isHead) this.#cache.keep(block, from, to, isEnd, this.#decoder.generation, head);
  }

  /** Reads a block that nobody wants; false when the connection is lost over it. */
  discard(block: Buffer, from: number, to: number): boolean {
    assembler.begin(discarded, this.#limits, this.#decoder);
    return this.#decoder.decode(block, from, to, assembler) === null;
  }
}

function withTrace(own: RequestHead, known: RequestHead, block: Buffer, to: number): RequestHead {
  own.copyFrom(known, traceLineBytes);
  addTraceTail(own, block, to);
  return own;
}

import type { Head } from '../message/head.ts';

const places = 16;
const mostBlockBytes = 256;

type Known<H extends Head> = {
  readonly block: Buffer;
  readonly isEnd: boolean;
  readonly generation: number;
  readonly head: H;
};

/**
 * Heads of blocks that came before. While the dynamic table stays as it is the same bytes mean the same head, and callers
 * mostly send the same few, so most heads need not be decoded, checked and put together again. A block is taken in when
 * it comes for the second time; heads in here are shared by all streams that have them, and nobody changes them.
 */
export class BlockCache<H extends Head> {
  #known: (Known<H> | undefined)[] | null = null;
  /** Hash of the block that was last looked for at each place. */
  #seen: Int32Array | null = null;
  #place = 0;
  #isRepeated = false;

  clear(): void {
    this.#known = this.#seen = null;
  }

  /** The head of a block, or null. */
  find(bytes: Buffer, from: number, to: number, isEnd: boolean, generation: number): H | null {
    if (to - from > mostBlockBytes) return null;
    let hash = isEnd ? 7 : 11;
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    const place = (hash ^ (hash >>> 15)) & (places - 1);
    this.#place = place;
    this.#seen ??= new Int32Array(places);
    const known = this.#known?.[place];
    if (known !== undefined && isSame(known, bytes, from, to, isEnd, generation)) return known.head;
    this.#isRepeated = this.#seen[place] === hash;
    this.#seen[place] = hash;
    return null;
  }

  /** Asked right after `find`: the block has come before, so that its head is worth keeping. */
  get isRepeated(): boolean {
    return this.#isRepeated;
  }

  /** Keeps the head of the block that was just looked for. */
  keep(bytes: Buffer, from: number, to: number, isEnd: boolean, generation: number, head: H): void {
    head.share();
    this.#known ??= new Array<Known<H> | undefined>(places).fill(undefined);
    this.#known[this.#place] = { block: Buffer.from(bytes.subarray(from, to)), isEnd, generation, head };
  }
}

function isSame<H extends Head>(
  known: Known<H>,
  bytes: Buffer,
  from: number,
  to: number,
  isEnd: boolean,
  generation: number,
): boolean {
  const { block } = known;
  if (known.generation !== generation || known.isEnd !== isEnd || block.length !== to - from) return false;
  for (let i = 0; i < block.length; i++) if (block[i] !== bytes[from + i]) return false;
  return true;
}

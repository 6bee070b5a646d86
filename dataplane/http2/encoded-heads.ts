import type { Caller } from '../message/caller.ts';
import type { Head } from '../message/head.ts';

const places = 16;

type Encoded = {
  readonly head: Head;
  readonly caller: Caller | null;
  readonly cases: number;
  readonly generation: number;
  readonly bytes: Buffer;
};

/** How heads that many messages share were encoded, good for as long as the dynamic table stays as it is. */
export class EncodedHeads {
  #known: (Encoded | undefined)[] | null = null;

  clear(): void {
    this.#known = null;
  }

  find(head: Head, caller: Caller | null, cases: number, generation: number): Buffer | null {
    const known = this.#known?.[head.sharedId % places];
    if (known === undefined || known.head !== head || known.generation !== generation) return null;
    return known.caller === caller && known.cases === cases ? known.bytes : null;
  }

  /** Keeps a copy of the bytes. */
  keep(head: Head, caller: Caller | null, cases: number, generation: number, bytes: Buffer): void {
    this.#known ??= new Array<Encoded | undefined>(places).fill(undefined);
    this.#known[head.sharedId % places] = { head, caller, cases, generation, bytes: Buffer.from(bytes) };
  }
}

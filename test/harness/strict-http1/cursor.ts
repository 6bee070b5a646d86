/** What was read is not HTTP/1.1 as the RFCs have it. */
export class StrictFault extends Error {}

/** The bytes end before the message does. */
export class StrictPartial extends Error {}

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const DEL = 127;

/** A place in bytes that moves forward over whole lines and counted bytes, and throws where it cannot. */
export class StrictCursor {
  readonly #bytes: Buffer;
  #end: number;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  get offset(): number {
    return this.#offset;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#end;
  }

  /** The text up to CR LF, one character a byte. A CR or LF by itself and every other control are faults. */
  line(what: string): string {
    const start = this.#offset;
    for (let at = start; at < this.#end; at++) {
      const byte = this.#bytes[at]!;
      if (byte === CR) {
        if (at + 1 === this.#end) throw new StrictPartial();
        if (this.#bytes[at + 1] !== LF) throw new StrictFault(`a CR without LF in a ${what}`);
        this.#offset = at + 2;
        return this.#bytes.toString('latin1', start, at);
      }
      if (byte === LF) throw new StrictFault(`an LF without CR in a ${what}`);
      if ((byte < SP && byte !== HTAB) || byte === DEL) throw new StrictFault(`control ${byte} in a ${what}`);
    }
    throw new StrictPartial();
  }

  take(size: number): Buffer {
    if (size > this.#end - this.#offset) throw new StrictPartial();
    this.#offset += size;
    return this.#bytes.subarray(this.#offset - size, this.#offset);
  }

  takeRest(): Buffer {
    return this.take(this.#end - this.#offset);
  }

  /** What comes from here on is not for this reader. */
  stop(): void {
    this.#end = this.#offset;
  }
}

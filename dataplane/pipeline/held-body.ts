const nothing = Buffer.alloc(0);
/** Memory up to this size is kept for the next request: most bodies that are held are small. */
const mostKept = 4096;

/** A copy of the part of a request's body that is kept, because no connection is there yet or because it may be needed again. */
export class HeldBody {
  readonly #mostBytes: number;
  #memory: Buffer = nothing;
  #length = 0;
  /** All of the body so far is here. */
  isComplete = true;

  /** `mostBytes` is how much is kept once a connection could take it. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** What is held; good until something is added or forgotten. */
  get bytes(): Buffer {
    return this.#length === 0 ? nothing : this.#memory.subarray(0, this.#length);
  }

  get isOverBound(): boolean {
    return this.#length > this.#mostBytes;
  }

  begin(): void {
    this.#drop();
    this.isComplete = true;
  }

  add(bytes: Buffer, from: number, to: number): void {
    const length = this.#length + to - from;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, 2 ** Math.ceil(Math.log2(length))));
      this.#memory.copy(larger, 0, 0, this.#length);
      this.#memory = larger;
    }
    bytes.copy(this.#memory, this.#length, from, to);
    this.#length = length;
  }

  /** The request cannot be sent again from here on. */
  forget(): void {
    this.#drop();
    this.isComplete = false;
  }

  #drop(): void {
    this.#length = 0;
    if (this.#memory.length > mostKept) this.#memory = nothing;
  }
}

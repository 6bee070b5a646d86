/** A piece counts for no less, because it takes no less: a body in chunks of one byte would take a hundredfold. */
const leastPerPiece = 128;

/** The part of a request's body that is kept, because no connection is there yet or because it may be needed again. */
export class HeldBody {
  readonly #mostBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** All of the body so far is here. */
  isComplete = true;

  /** `mostBytes` is how much is kept once a connection could take it. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  get isOverBound(): boolean {
    return this.#bytes > this.#mostBytes;
  }

  begin(): void {
    if (this.#bytes > 0) this.#pieces = [];
    this.#bytes = 0;
    this.isComplete = true;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += Math.max(piece.length, leastPerPiece);
  }

  /** The request cannot be sent again from here on. */
  forget(): void {
    if (this.#bytes > 0) this.#pieces = [];
    this.#bytes = 0;
    this.isComplete = false;
  }
}

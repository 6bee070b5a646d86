/** Memory that is written at `length`. `reserve` makes room for `size` bytes there; `bytes` may be others afterwards. */
export type ByteSink = { bytes: Buffer; length: number; reserve(size: number): void };

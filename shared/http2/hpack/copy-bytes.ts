const smallCopy = 32;

/** Copies `from..to`. For a few bytes a loop is quicker than the call. */
export function copyBytes(source: Buffer, from: number, to: number, target: Buffer, at: number): void {
  if (to - from > smallCopy) source.copy(target, at, from, to);
  else for (let i = from; i < to; i++) target[at + i - from] = source[i]!;
}

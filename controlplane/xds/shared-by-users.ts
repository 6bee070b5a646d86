/** Values by key: each is made for the first who takes it and kept until all who did have given it back. */
export class SharedByUsers<T> {
  readonly #held = new Map<string, { readonly value: T; users: number }>();

  get size(): number {
    return this.#held.size;
  }

  take(key: string, make: () => T): T {
    const held = this.#held.get(key) ?? { value: make(), users: 0 };
    this.#held.set(key, held);
    held.users++;
    return held.value;
  }

  giveBack(key: string): void {
    const held = this.#held.get(key);
    if (held && --held.users === 0) this.#held.delete(key);
  }
}

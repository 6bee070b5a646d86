const noDigit = 255;
const padding = 64;

/** Value of each character (RFC 4648 §4). */
const digitOf = new Uint8Array(256).fill(noDigit);
[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/='].forEach((character, value) => {
  digitOf[character.charCodeAt(0)] = value;
});

/** Decodes base64 that comes in pieces, cut anywhere. Behind padding may stand more, as of texts put together. */
export class Base64Decoder {
  /** Bits of the group of four characters that has begun. */
  #bits = 0;
  /** How many of its characters are here, and how many of them are padding. */
  #characters = 0;
  #padded = 0;

  /** The text may end here. */
  get isWhole(): boolean {
    return this.#characters === 0;
  }

  /** What a piece comes to, in memory of its own; null when it is not base64. */
  decode(text: Buffer, from: number, to: number): Buffer | null {
    const bytes = Buffer.allocUnsafe(((this.#characters + to - from) >> 2) * 3);
    let size = 0;
    for (let i = from; i < to; i++) {
      const digit = digitOf[text[i]!]!;
      if (digit === padding ? this.#characters < 2 : digit === noDigit || this.#padded > 0) return null;
      if (digit === padding) this.#padded++;
      this.#bits = (this.#bits << 6) | (digit & 63);
      if (++this.#characters < 4) continue;
      bytes[size++] = this.#bits >> 16;
      if (this.#padded < 2) bytes[size++] = this.#bits >> 8;
      if (this.#padded === 0) bytes[size++] = this.#bits;
      this.#bits = this.#characters = this.#padded = 0;
    }
    return bytes.subarray(0, size);
  }
}

/** Messages of gRPC as they stand in a body: a byte of flags, four of length, then the message. */
export type Message = { readonly flags: number; readonly bytes: Buffer };

const prefixSize = 5;

export const isCompressed = ({ flags }: Message) => (flags & 1) === 1;

/** A message with its prefix. */
export function frameOf(bytes: Buffer, flags = 0): Buffer {
  const prefix = Buffer.alloc(prefixSize);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Takes messages out of a body as it comes, whatever pieces it comes in. */
export class MessageReader {
  #pieces: Buffer[] = [];
  #size = 0;

  /** The messages that these bytes complete. */
  take(bytes: Buffer): Message[] {
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    const messages: Message[] = [];
    for (let message = this.#next(); message !== null; message = this.#next()) messages.push(message);
    return messages;
  }

  /** Bytes of a message that is not whole yet. */
  get rest(): number {
    return this.#size;
  }

  #next(): Message | null {
    if (this.#size < prefixSize) return null;
    if (this.#pieces[0]!.length < prefixSize) this.#pieces = [Buffer.concat(this.#pieces)];
    const size = prefixSize + this.#pieces[0]!.readUInt32BE(1);
    if (this.#size < size) return null;
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = whole.length === size ? [] : [whole.subarray(size)];
    this.#size -= size;
    return { flags: whole.readUInt8(0), bytes: whole.subarray(prefixSize, size) };
  }
}

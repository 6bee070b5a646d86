/** The body that the message of this name has when it has so many bytes: both ends know it. */
export function bodyOf(id: string, bytes: number): Buffer {
  return bytes === 0 ? Buffer.alloc(0) : Buffer.alloc(bytes, `${id};`);
}

/** A field that uses no dynamic table, so it depends on nothing that was sent before (RFC 7541 §6.2.2). */
export function literalField(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), stringOf(name), stringOf(value)]);
}

function stringOf(text: string): Buffer {
  const length: number[] = [];
  if (text.length < 127) length.push(text.length);
  else {
    length.push(127);
    let rest = text.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text, 'latin1')]);
}

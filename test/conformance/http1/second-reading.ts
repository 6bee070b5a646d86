/**
 * What a strict reader refuses is not always a danger to framing. These give the same bytes, at the same length, with what
 * is wrong but cannot move a boundary written over by `x`. A message that a strict reader takes after this was only passed
 * on unclean; one that it still refuses can be cut in more than one way.
 */

const CR = 13;
const LF = 10;
const HTAB = 9;
const neverTrailers =
  /^(connection|content-length|expect|host|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade):/i;

/** Writes over each control (but CR, LF, NUL and HTAB) and each byte beyond ASCII. */
export function withoutOddCharacters(bytes: Buffer): Buffer {
  const plain = Buffer.from(bytes);
  for (let i = 0; i < plain.length; i++) {
    const byte = plain[i]!;
    const isControl = byte < 0x20 && byte !== 0 && byte !== CR && byte !== LF && byte !== HTAB;
    if (isControl || byte >= 0x7f) plain[i] = 0x78;
  }
  return plain;
}

/** Beyond odd characters, writes over a Host that is none, names with `_`, and fields that are no trailers. */
export function withoutHarmlessFaults(bytes: Buffer): Buffer {
  const text = withoutOddCharacters(bytes).toString('latin1');
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  const head = text
    .slice(0, headEnd)
    .replace(/^(\S+ )(https?:\/\/[^/ ]*)/i, (_, method: string, start: string) => `${method}/${over(start.slice(1))}`)
    .replace(/(\r\nHost:[ \t]*)([^\r\n]*)/gi, (_, name: string, value: string) => name + over(value))
    .replace(/\r\n[^:\r\n]+:/g, (name) => name.replaceAll('_', 'x'));
  const lastChunk = text.lastIndexOf('\r\n0\r\n');
  const bodyEnd = lastChunk === -1 ? text.length : lastChunk + 5;
  const trailers = text
    .slice(bodyEnd)
    .split('\r\n')
    .map((line) => line.replace(neverTrailers, (name) => `${over(name.slice(1))}:`))
    .join('\r\n');
  return Buffer.from(head + text.slice(headEnd, bodyEnd) + trailers, 'latin1');
}

function over(text: string): string {
  return 'x'.repeat(text.length);
}

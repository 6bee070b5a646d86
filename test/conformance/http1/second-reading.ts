/**
 * What a strict reader refuses is not always a danger to framing. These write over what is wrong but cannot move a
 * boundary. A message that a strict reader takes after this was only passed on unclean; one that it still refuses can be
 * cut in more than one way.
 */

const CR = 13;
const LF = 10;
const HTAB = 9;
const neverTrailers =
  /^(connection|content-length|expect|host|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade):/i;

/** Writes over each control (but CR, LF, NUL and HTAB) and each byte beyond ASCII; the length stays. */
export function withoutOddCharacters(bytes: Buffer): Buffer {
  const plain = Buffer.from(bytes);
  for (let i = 0; i < plain.length; i++) {
    const byte = plain[i]!;
    const isControl = byte < 0x20 && byte !== 0 && byte !== CR && byte !== LF && byte !== HTAB;
    if (isControl || byte >= 0x7f) plain[i] = 0x78;
  }
  return plain;
}

/**
 * Beyond odd characters: a target of no known form, a version that there is not, a Host that is none or missing, names with
 * `_`, lengths of more digits than the reader counts, and fields that are no trailers. Only in the first head is anything
 * made longer or shorter.
 */
export function requestWithoutHarmlessFaults(bytes: Buffer): Buffer {
  const text = withoutOddCharacters(bytes).toString('latin1');
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  if (headEnd === 3) return bytes;
  let head = text
    .slice(0, headEnd)
    .replace(/^(\S+) (.*) HTTP\/(\d\.\d)\r\n/, (_, method: string, target: string, version: string) => {
      const known = version === '1.0' ? version : '1.1';
      return `${method === 'CONNECT' ? 'POST' : method} /${over(target.slice(1))} HTTP/${known}\r\n`;
    })
    .replace(/(\r\nHost:[ \t]*)([^\r\n]*)/gi, (_, name: string, value: string) => name + over(value))
    .replace(/(\r\nContent-Length:[ \t]*)\d{16,}(?=[ \t]*\r\n)/gi, '$1999999999999999')
    .replace(/\r\n[^:\r\n]+:/g, (name) => name.replaceAll('_', 'x'));
  if (!/\r\nHost:/i.test(head)) head = head.replace('\r\n', '\r\nHost: x\r\n');
  return Buffer.from(head + withoutNeverTrailers(text.slice(headEnd)), 'latin1');
}

/** The same for replies: a status that there is not, no space before an empty reason, framing where there is no body. */
export function repliesWithoutHarmlessFaults(bytes: Buffer): Buffer {
  const text = withoutOddCharacters(bytes)
    .toString('latin1')
    .replace(
      /(^|\n)(HTTP\/1\.[01] )(\d+)([^\r\n]*\r\n)/g,
      (_, start: string, version: string, status: string, rest) => {
        const known = /^[1-5]\d\d$/.test(status) ? status : '299';
        return `${start}${version}${known}${rest.startsWith(' ') ? rest : ` ${rest}`}`;
      },
    )
    .replace(/HTTP\/1\.1 (?:1\d\d|204) [^\n]*\n(?:[^\r\n]+\r\n)*/g, (head) =>
      head.replace(/(Content-Length|Transfer-Encoding):[^\n]*\n/gi, ''),
    );
  return Buffer.from(withoutNeverTrailers(text), 'latin1');
}

function withoutNeverTrailers(text: string): string {
  const lastChunk = text.startsWith('0\r\n') ? 3 : text.lastIndexOf('\r\n0\r\n') + 5;
  if (lastChunk === 4) return text;
  const trailers = text
    .slice(lastChunk)
    .split('\r\n')
    .map((line) => line.replace(neverTrailers, (name) => `${over(name.slice(1))}:`));
  return text.slice(0, lastChunk) + trailers.join('\r\n');
}

function over(text: string): string {
  return 'x'.repeat(text.length);
}

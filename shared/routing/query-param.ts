import querystring from 'node:querystring';

const space = 32;
const percent = 37;
const ampersand = 38;
const plus = 43;
const equals = 61;

/** A name as `queryParam` takes it: its bytes in UTF-8, one character a byte, as they stand in a query behind "%". */
export function queryName(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}

/**
 * The decoded value of the first parameter of a name in a query (`a=1&b=2`, without "?"), or null. Found in one pass
 * along the text; nothing is cut out of it but the value. As in forms, "+" is a space and `a` alone has an empty value;
 * an escape that is none stands for itself.
 */
export function queryParam(query: string, name: string): string | null {
  for (let from = 0; from < query.length; ) {
    let end = from;
    let nameEnd = -1;
    for (; end < query.length; end++) {
      const char = query.charCodeAt(end);
      if (char === ampersand) break;
      if (char === equals && nameEnd === -1) nameEnd = end;
    }
    if (nameEnd === -1) nameEnd = end;
    if (isName(query, from, nameEnd, name)) return decoded(query.slice(nameEnd + 1, end));
    from = end + 1;
  }
  return null;
}

/** Decodes as it compares: names that are not the one cost no text of their own. */
function isName(query: string, from: number, to: number, name: string): boolean {
  let at = from;
  for (let i = 0; i < name.length; i++) {
    if (at >= to) return false;
    const escaped = escapeAt(query, at, to);
    const char = query.charCodeAt(at);
    const byte = escaped !== -1 ? escaped : char === plus ? space : char;
    if (byte !== name.charCodeAt(i)) return false;
    at += escaped === -1 ? 1 : 3;
  }
  return at === to;
}

/** The byte of an escape such as `%2F`, or -1 where none stands. */
function escapeAt(query: string, at: number, to: number): number {
  if (query.charCodeAt(at) !== percent || at + 2 >= to) return -1;
  const high = hexDigit(query.charCodeAt(at + 1));
  const low = hexDigit(query.charCodeAt(at + 2));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigit(char: number): number {
  if (char >= 48 && char <= 57) return char - 48;
  const lower = char | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function decoded(text: string): string {
  return text.includes('%') || text.includes('+') ? querystring.unescape(text.replaceAll('+', ' ')) : text;
}

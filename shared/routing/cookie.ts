const space = 32;
const equals = 61;

/** The value of the first cookie of a name among `a=1; b=2` (RFC 6265 §4.2.1), as it was sent, or null. */
export function cookie(cookies: string, name: string): string | null {
  for (let from = 0; from < cookies.length; ) {
    while (cookies.charCodeAt(from) === space) from++;
    const next = cookies.indexOf(';', from);
    const end = next === -1 ? cookies.length : next;
    const nameEnd = from + name.length;
    if (cookies.charCodeAt(nameEnd) === equals && cookies.startsWith(name, from))
      return cookies.slice(nameEnd + 1, end).trimEnd();
    from = end + 1;
  }
  return null;
}

/**
 * A pattern for identities and services. Each part between slashes has at most one `*`, which stands for any text
 * without a slash, so that `spiffe://mesh/ns/shop/sa/*` never reaches into another path. Runs in linear time.
 */
export class Pattern {
  readonly #parts: readonly { readonly begin: string; readonly end: string | null }[];

  /** Takes a text that `patternFault` has nothing to say about. */
  constructor(text: string) {
    this.#parts = text.split('/').map((part) => {
      const star = part.indexOf('*');
      return star < 0 ? { begin: part, end: null } : { begin: part.slice(0, star), end: part.slice(star + 1) };
    });
  }

  matches(text: string): boolean {
    const given = text.split('/');
    return (
      given.length === this.#parts.length &&
      this.#parts.every(({ begin, end }, i) => {
        const part = given[i] ?? '';
        if (end === null) return part === begin;
        return part.length > begin.length + end.length && part.startsWith(begin) && part.endsWith(end);
      })
    );
  }
}

/** What is wrong with a pattern; null when nothing is. */
export function patternFault(text: string): string | null {
  return text.split('/').some((part) => part.indexOf('*') !== part.lastIndexOf('*'))
    ? 'has two "*" in one part; each part between slashes takes one'
    : null;
}

/**
 * A path in which some segments are open: `/users/{id}/files/{file=**}`. It is held against a path segment by segment, so
 * it needs no pattern engine, and its time is that of reading the path once.
 */
export class PathTemplate {
  /** Null is one segment of any text, but not of none. */
  readonly #segments: readonly (string | null)[];
  /** At least one more character follows the segments. */
  readonly #takesRest: boolean;
  readonly #literalLength: number;
  /** What every path begins with that matches: the segments before the first open one. */
  readonly prefix: string;

  /** Throws a SyntaxError that says what is wrong with the text. */
  constructor(text: string) {
    const parts = partsOf(text);
    this.#takesRest = parts.at(-1)?.kind === 'rest';
    this.#segments = parts
      .filter(({ kind }) => kind !== 'rest')
      .map((part) => (part.kind === 'open' ? null : part.text));
    const firstOpen = parts.findIndex(({ kind }) => kind !== 'literal');
    const literal = firstOpen === -1 ? parts : parts.slice(0, firstOpen);
    this.prefix = literal.map((part) => `/${part.text}`).join('') || '/';
    this.#literalLength = this.#segments.reduce((sum, segment) => sum + (segment?.length ?? 0), 0);
  }

  test(path: string): boolean {
    let at = 0;
    for (let i = 0; i < this.#segments.length; i++) {
      const segment = this.#segments[i]!;
      if (path.charCodeAt(at) !== slash) return false;
      at++;
      const end = segment === null ? endOfSegment(path, at) : at + segment.length;
      if (segment === null ? end === at : !path.startsWith(segment, at)) return false;
      at = end;
    }
    return this.#takesRest ? path.charCodeAt(at) === slash && at + 1 < path.length : at === path.length;
  }

  /** Negative when this one says more of a path: in literal characters, then by having an end, then in segments. */
  compare(other: PathTemplate): number {
    return (
      other.#literalLength - this.#literalLength ||
      Number(this.#takesRest) - Number(other.#takesRest) ||
      other.#segments.length - this.#segments.length
    );
  }
}

const slash = 47;
const openSegment = /^(?:\*|\{[A-Za-z_]\w*\})$/;
const openRest = /^(?:\*\*|\{[A-Za-z_]\w*=\*\*\})$/;

type Part = { readonly kind: 'literal' | 'open' | 'rest'; readonly text: string };

function partsOf(text: string): readonly Part[] {
  if (!text.startsWith('/')) throw new SyntaxError('must start with "/"');
  const parts = text.slice(1).split('/').map(partOf);
  if (parts.findIndex(({ kind }) => kind === 'rest') < parts.length - 1 && parts.some(({ kind }) => kind === 'rest'))
    throw new SyntaxError('"**" is the rest of the path, so nothing can follow it');
  const names = parts.flatMap(({ text }) => /^\{(\w+)/.exec(text)?.[1] ?? []);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new SyntaxError(`has the name "${twice}" twice`);
  return parts;
}

function partOf(text: string): Part {
  if (openSegment.test(text)) return { kind: 'open', text };
  if (openRest.test(text)) return { kind: 'rest', text };
  if (/[*{}]/.test(text))
    throw new SyntaxError(
      `segment ${JSON.stringify(text)} is neither plain text nor one of *, {name}, ** and {name=**}`,
    );
  if (/[?#]/.test(text)) throw new SyntaxError(`segment ${JSON.stringify(text)} has a character that no path has`);
  return { kind: 'literal', text };
}

function endOfSegment(path: string, from: number): number {
  const end = path.indexOf('/', from);
  return end === -1 ? path.length : end;
}

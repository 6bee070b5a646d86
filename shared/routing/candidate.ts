import type { HeaderMatch, PathMatch, RouteMatch } from '../resources/route.ts';
import { compilePattern } from './pattern.ts';

/** What a matcher may ask of a request. Names of header fields are lower case. */
export type RequestView = {
  readonly method: string;
  /** Host without port, lower case. */
  readonly host: string;
  /** Path without query. */
  readonly path: string;
  /** Value of a field, its lines joined by ", " (RFC 9110 §5.3), or null. */
  header(name: string): string | null;
};

/** One match of one rule, as it goes into the table. */
export type RouteEntry<Rule> = {
  readonly hostnames: readonly string[];
  readonly match: RouteMatch;
  readonly rule: Rule;
  /** Store revision at which the route was created: the oldest wins a tie. */
  readonly created: number;
  /** Name of the route: the last tie-break between routes. */
  readonly name: string;
  /** Place of the match within its route. */
  readonly place: number;
};

type HeaderTest = { readonly name: string; readonly value: string | RegExp };

/** What is asked of a request whose path may be right. */
export type Candidate<Rule> = {
  readonly rule: Rule;
  readonly method: string | null;
  readonly headers: readonly HeaderTest[];
  /** Null when the path is known to be right. */
  readonly pattern: RegExp | null;
};

export function candidateOf<Rule>({ match, rule }: RouteEntry<Rule>, path: PathMatch): Candidate<Rule> {
  return {
    rule,
    method: match.method ?? null,
    headers: (match.headers ?? []).map(compileHeader),
    pattern: path.type === 'RegularExpression' ? compilePattern(path.value) : null,
  };
}

export function holds<Rule>(candidate: Candidate<Rule>, request: RequestView): boolean {
  if (candidate.pattern !== null && !candidate.pattern.test(request.path)) return false;
  if (candidate.method !== null && candidate.method !== request.method) return false;
  const tests = candidate.headers;
  for (let i = 0; i < tests.length; i++) {
    const { name, value } = tests[i]!;
    const actual = request.header(name);
    if (actual === null) return false;
    if (typeof value === 'string' ? value !== actual : !value.test(actual)) return false;
  }
  return true;
}

/** The match with most header fields comes first. */
export function byFields<Rule>(a: RouteEntry<Rule>, b: RouteEntry<Rule>): number {
  return (b.match.headers?.length ?? 0) - (a.match.headers?.length ?? 0);
}

/** The last that decides: age, name and place of the route. */
export function byAge<Rule>(a: RouteEntry<Rule>, b: RouteEntry<Rule>): number {
  return a.created - b.created || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.place - b.place);
}

function compileHeader(match: HeaderMatch): HeaderTest {
  const value = match.type === 'RegularExpression' ? compilePattern(match.value) : match.value;
  return { name: match.name.toLowerCase(), value };
}

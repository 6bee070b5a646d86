import type { HeaderMatch, RouteMatch } from '../resources/route.ts';
import { PathTree } from './path-tree.ts';
import { compilePattern } from './pattern.ts';

/**
 * Gateway API precedence, compiled. A host (exact, else longest `*.suffix`, else `*`) has three stores of candidates:
 *
 *   exact path   looked up in a tree of paths
 *   pattern      list in precedence order, tried next
 *   prefix       found in the same tree, longest first
 *
 * so a match costs a walk along the path, however many routes there are. Within one store candidates are ordered:
 * method given, most headers, oldest route, name, place in the route.
 */

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

type Candidate<Rule> = {
  readonly rule: Rule;
  readonly method: string | null;
  readonly headers: readonly HeaderTest[];
  readonly pattern: RegExp | null;
};

const matchesAll: RouteMatch = {};

/** The rules of one host. */
export class HostRoutes<Rule> {
  readonly #paths = new PathTree<Candidate<Rule>[]>();
  readonly #patterns: Candidate<Rule>[] = [];
  /** The one rule that takes everything, when there is nothing else to look at. */
  readonly #only: Rule | null;
  /** The first rule that takes every request; null when each asks for something. */
  readonly unconditional: Rule | null;

  constructor(entries: readonly RouteEntry<Rule>[]) {
    const ordered = [...entries].sort(byPrecedence);
    for (const { match, rule } of ordered) {
      const path = match.path ?? { type: 'PathPrefix', value: '/' };
      const candidate: Candidate<Rule> = {
        rule,
        method: match.method ?? null,
        headers: (match.headers ?? []).map(compileHeader),
        pattern: path.type === 'RegularExpression' ? compilePattern(path.value) : null,
      };
      if (path.type === 'Exact') this.#paths.atPath(path.value, noCandidates).push(candidate);
      else if (path.type === 'RegularExpression') this.#patterns.push(candidate);
      else this.#paths.atPrefix(path.value, noCandidates).push(candidate);
    }
    this.unconditional = ordered.find(({ match }) => isUnconditional(match))?.rule ?? null;
    this.#only = ordered.length === 1 ? this.unconditional : null;
  }

  match(request: RequestView): Rule | null {
    if (this.#only !== null) return this.#only;
    const path = request.path;
    const exact = this.#paths.exact(path);
    if (exact !== null) {
      const rule = firstHolding(exact, request);
      if (rule !== null) return rule;
    }
    for (let i = 0; i < this.#patterns.length; i++) {
      const candidate = this.#patterns[i]!;
      if (candidate.pattern!.test(path) && holds(candidate, request)) return candidate.rule;
    }
    return this.#matchPrefix(request, path);
  }

  #matchPrefix(request: RequestView, path: string): Rule | null {
    let prefix = this.#paths.prefix(path, path.length);
    while (prefix !== null) {
      const rule = firstHolding(prefix.value, request);
      if (rule !== null || prefix.length === 0) return rule;
      prefix = this.#paths.prefix(path, prefix.length - 1);
    }
    return null;
  }
}

/** Finds the rules of a host, then the rule of a request. */
export class RouteTable<Rule> {
  readonly #exact = new Map<string, HostRoutes<Rule>>();
  readonly #suffixes = new Map<string, HostRoutes<Rule>>();
  /** Rules of `*`, for hosts that nothing else names. */
  readonly any: HostRoutes<Rule> | null;

  constructor(entries: readonly RouteEntry<Rule>[]) {
    const perHost = new Map<string, RouteEntry<Rule>[]>();
    for (const entry of entries) for (const host of entry.hostnames) append(perHost, host, entry);
    for (const [host, list] of perHost) {
      if (host === '*') continue;
      if (host.startsWith('*.')) this.#suffixes.set(host.slice(1), new HostRoutes(list));
      else this.#exact.set(host, new HostRoutes(list));
    }
    const any = perHost.get('*');
    this.any = any ? new HostRoutes(any) : null;
  }

  /** Rules of the most specific name or `*.suffix` that is written for `host` (lower case, no port), or null. */
  named(host: string): HostRoutes<Rule> | null {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    if (this.#suffixes.size > 0)
      for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        const suffix = this.#suffixes.get(host.slice(dot));
        if (suffix !== undefined) return suffix;
      }
    return null;
  }
}

/** The matches of a rule; one that matches everything when it names none. */
export function matchesOf(matches: readonly RouteMatch[]): readonly RouteMatch[] {
  return matches.length > 0 ? matches : [matchesAll];
}

function isUnconditional(match: RouteMatch): boolean {
  const anyPath = !match.path || (match.path.type === 'PathPrefix' && match.path.value === '/');
  return anyPath && !match.method && !match.headers?.length;
}

function byPrecedence<Rule>(a: RouteEntry<Rule>, b: RouteEntry<Rule>): number {
  return (
    Number(b.match.method !== undefined) - Number(a.match.method !== undefined) ||
    (b.match.headers?.length ?? 0) - (a.match.headers?.length ?? 0) ||
    a.created - b.created ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : a.place - b.place)
  );
}

function firstHolding<Rule>(candidates: readonly Candidate<Rule>[], request: RequestView): Rule | null {
  for (let i = 0; i < candidates.length; i++) if (holds(candidates[i]!, request)) return candidates[i]!.rule;
  return null;
}

function holds<Rule>(candidate: Candidate<Rule>, request: RequestView): boolean {
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

function compileHeader(match: HeaderMatch): HeaderTest {
  const value = match.type === 'RegularExpression' ? compilePattern(match.value) : match.value;
  return { name: match.name.toLowerCase(), value };
}

function noCandidates<Rule>(): Candidate<Rule>[] {
  return [];
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

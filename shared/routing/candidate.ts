import type { RouteMatch } from '../resources/route-match.ts';
import { type FieldTest, fieldHolds, fieldTests } from './field-test.ts';
import type { RequestView } from './request-view.ts';

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

/** What a whole path has to be: a pattern or a template. */
export type PathTest = { test(path: string): boolean };

/** What is asked of a request whose path may be right. */
export type Candidate<Rule> = {
  readonly rule: Rule;
  readonly method: string | null;
  readonly fields: readonly FieldTest[];
  /** Null when the path is known to be right. */
  readonly path: PathTest | null;
};

/** A candidate and its place in the precedence of several. */
export type Placed<Rule> = { readonly place: number; readonly candidate: Candidate<Rule> };

export function candidateOf<Rule>({ match, rule }: RouteEntry<Rule>, path: PathTest | null): Candidate<Rule> {
  return { rule, method: match.method ?? null, fields: fieldTests(match), path };
}

export function holds<Rule>({ path, method, fields }: Candidate<Rule>, request: RequestView): boolean {
  if (path !== null && !path.test(request.path)) return false;
  if (method !== null && method !== request.method) return false;
  for (let i = 0; i < fields.length; i++) if (!fieldHolds(fields[i]!, request)) return false;
  return true;
}

export function firstHolding<Rule>(candidates: readonly Candidate<Rule>[], request: RequestView): Rule | null {
  for (let i = 0; i < candidates.length; i++) if (holds(candidates[i]!, request)) return candidates[i]!.rule;
  return null;
}

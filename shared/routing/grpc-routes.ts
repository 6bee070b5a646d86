import { candidateOf, holds, type Placed, type RouteEntry } from './candidate.ts';
import { pathOf } from './grpc-match.ts';
import { PathTree } from './path-tree.ts';
import { compilePattern } from './pattern.ts';
import { byAge, byFields, byNames, byPattern } from './precedence.ts';
import type { RequestView } from './request-view.ts';

const none: readonly never[] = [];

/**
 * The gRPC matches of one host, in the precedence of Gateway API's GRPCRoute: most characters in the service, then in the
 * method, most fields, names before patterns, oldest route, name, place in the route. That order is settled beforehand for
 * all of them. Those that name their service are found by the path, in order; the others are patterns, each tried at its
 * place in between.
 */
export class GrpcRoutes<Rule> {
  readonly #paths = new PathTree<Placed<Rule>[]>();
  readonly #patterns: Placed<Rule>[] = [];

  /** All of these entries have a gRPC match. */
  constructor(entries: readonly RouteEntry<Rule>[]) {
    const ordered = [...entries].sort(byPrecedence);
    for (const [place, entry] of ordered.entries()) {
      const path = pathOf(entry.match.grpc!);
      const pattern = path.type === 'RegularExpression' ? compilePattern(path.value) : null;
      const placed = { place, candidate: candidateOf(entry, pattern) };
      if (pattern !== null) this.#patterns.push(placed);
      else if (path.type === 'Exact') this.#paths.atPath(path.value, () => []).push(placed);
      else this.#paths.atPrefix(path.value, () => []).push(placed);
    }
  }

  match(request: RequestView): Rule | null {
    if (request.method !== 'POST') return null;
    const { path } = request;
    const ofMethod: readonly Placed<Rule>[] = this.#paths.exact(path) ?? none;
    const ofService: readonly Placed<Rule>[] = this.#paths.prefix(path, path.length)?.value ?? none;
    for (let k = 0, p = 0; ; ) {
      // Among those of one service, all that name a method stand before those that do not.
      const known = k < ofMethod.length ? ofMethod[k] : ofService[k - ofMethod.length];
      const pattern = this.#patterns[p];
      const next = firstOf(known, pattern);
      if (next === undefined) return null;
      if (holds(next.candidate, request)) return next.candidate.rule;
      if (next === known) k++;
      else p++;
    }
  }
}

function firstOf<Rule>(a: Placed<Rule> | undefined, b: Placed<Rule> | undefined): Placed<Rule> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.place < b.place ? a : b;
}

function byPrecedence<Rule>(a: RouteEntry<Rule>, b: RouteEntry<Rule>): number {
  return byNames(a, b) || byFields(a, b) || byPattern(a, b) || byAge(a, b);
}

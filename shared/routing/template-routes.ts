import { candidateOf, holds, type Placed, type RouteEntry } from './candidate.ts';
import { PathTemplate } from './path-template.ts';
import { PathTree } from './path-tree.ts';
import { byConditions } from './precedence.ts';
import type { RequestView } from './request-view.ts';

/**
 * The templates of one host. Their order is settled beforehand for all of them, and each stands in a tree at what its
 * paths begin with; so a request is asked of the few on its way only, and of those no further than the best that holds.
 */
export class TemplateRoutes<Rule> {
  readonly #tree = new PathTree<Placed<Rule>[]>();

  /** The paths of all of these entries are templates. */
  constructor(entries: readonly RouteEntry<Rule>[]) {
    const ordered = entries
      .map((entry) => ({ entry, template: new PathTemplate(entry.match.path!.value) }))
      .sort((a, b) => a.template.compare(b.template) || byConditions(a.entry, b.entry));
    for (const [place, { entry, template }] of ordered.entries())
      this.#tree.atPrefix(template.prefix, () => []).push({ place, candidate: candidateOf(entry, template) });
  }

  match(request: RequestView): Rule | null {
    const { path } = request;
    let best: Placed<Rule> | null = null;
    let prefix = this.#tree.prefix(path, path.length);
    while (prefix !== null) {
      best = firstOf(prefix.value, request, best);
      prefix = prefix.length === 0 ? null : this.#tree.prefix(path, prefix.length - 1);
    }
    return best === null ? null : best.candidate.rule;
  }
}

/** The first that holds and stands before `best`, else `best`. */
function firstOf<Rule>(list: readonly Placed<Rule>[], request: RequestView, best: Placed<Rule> | null) {
  for (let i = 0; i < list.length; i++) {
    const placed = list[i]!;
    if (best !== null && best.place < placed.place) return best;
    if (holds(placed.candidate, request)) return placed;
  }
  return best;
}

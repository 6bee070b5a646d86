import type { RouteMatch } from '../resources/route-match.ts';
import { type Candidate, candidateOf, firstHolding, type RouteEntry } from './candidate.ts';
import { GrpcRoutes } from './grpc-routes.ts';
import { PathTree } from './path-tree.ts';
import { compilePattern } from './pattern.ts';
import { byConditions } from './precedence.ts';
import type { RequestView } from './request-view.ts';
import { TemplateRoutes } from './template-routes.ts';

/**
 * Gateway API precedence, compiled. A host (exact, else longest `*.suffix`, else `*`) has four stores of candidates:
 *
 *   exact path   looked up in a tree of paths
 *   template     found in a tree of their own, the one that says most of the path first
 *   pattern      list in precedence order, tried next
 *   prefix       found in the tree of paths, longest first
 *
 * so a match costs a walk along the path, however many routes there are. Within one store candidates are ordered:
 * method given, most headers and cookies, most query parameters, oldest route, name, place in the route. Matches of gRPC
 * have a precedence of their own and are asked before all of these.
 */

/** The rules of one host. */
export class HostRoutes<Rule> {
  readonly #paths = new PathTree<Candidate<Rule>[]>();
  readonly #patterns: Candidate<Rule>[] = [];
  /** Null where no path is a template, as `#grpc` where no match is one of gRPC. */
  readonly #templates: TemplateRoutes<Rule> | null;
  readonly #grpc: GrpcRoutes<Rule> | null;
  /** The one rule that takes everything, when there is nothing else to look at. */
  readonly #only: Rule | null;
  /** The first rule that takes every request; null when each asks for something. */
  readonly unconditional: Rule | null;

  constructor(entries: readonly RouteEntry<Rule>[]) {
    const { grpc, template, path = [] } = Object.groupBy(entries, storeOf);
    this.#grpc = grpc ? new GrpcRoutes(grpc) : null;
    this.#templates = template ? new TemplateRoutes(template) : null;
    const ordered = path.sort(byConditions);
    for (const entry of ordered) {
      const { type, value } = entry.match.path ?? { type: 'PathPrefix', value: '/' };
      if (type === 'Exact') this.#paths.atPath(value, noCandidates).push(candidateOf(entry, null));
      else if (type === 'PathPrefix') this.#paths.atPrefix(value, noCandidates).push(candidateOf(entry, null));
      else this.#patterns.push(candidateOf(entry, compilePattern(value)));
    }
    this.unconditional = ordered.find(({ match }) => isUnconditional(match))?.rule ?? null;
    this.#only = entries.length === 1 ? this.unconditional : null;
  }

  match(request: RequestView): Rule | null {
    if (this.#only !== null) return this.#only;
    return this.#grpc?.match(request) ?? this.#matchPath(request);
  }

  #matchPath(request: RequestView): Rule | null {
    const path = request.path;
    const exact = this.#paths.exact(path);
    if (exact !== null) {
      const rule = firstHolding(exact, request);
      if (rule !== null) return rule;
    }
    return this.#templates?.match(request) ?? firstHolding(this.#patterns, request) ?? this.#matchPrefix(request, path);
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

function isUnconditional(match: RouteMatch): boolean {
  const anyPath = !match.path || (match.path.type === 'PathPrefix' && match.path.value === '/');
  return anyPath && !match.method && !match.headers?.length && !match.queryParams?.length && !match.cookies?.length;
}

function storeOf({ match }: RouteEntry<unknown>): 'grpc' | 'template' | 'path' {
  if (match.grpc) return 'grpc';
  return match.path?.type === 'Template' ? 'template' : 'path';
}

function noCandidates<Rule>(): Candidate<Rule>[] {
  return [];
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

import type { UrlRewrite } from '../../shared/resources/filters/path-filters.ts';
import { hasPath, type PathChange, pathChange } from '../message/changed-path.ts';
import type { RequestHead } from '../message/request-head.ts';

/** What the instance sees as host and path. */
export class Rewrite {
  /** Null leaves it. */
  readonly host: string | null;
  readonly #change: PathChange | null;

  /** `prefixes` are those by which the rule takes requests. */
  constructor({ hostname, path }: UrlRewrite, prefixes: readonly string[]) {
    this.host = hostname ?? null;
    this.#change = path === undefined ? null : pathChange(path, prefixes);
  }

  /** Null leaves it. */
  pathOf(head: RequestHead): string | null {
    return this.#change !== null && hasPath(head) ? this.#change(head.path) : null;
  }
}

import type { RouteMatch } from '../../../shared/resources/route-match.ts';
import type { RouteEntry } from '../../../shared/routing/candidate.ts';
import type { RequestView } from '../../../shared/routing/request-view.ts';

export type Asked = {
  readonly method?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export function request(path: string, { method = 'GET', query = '', headers = {} }: Asked = {}): RequestView {
  return { method, host: 'h', path, query, header: (name) => headers[name] ?? null };
}

export function entry(rule: string, match: RouteMatch, more: Partial<RouteEntry<string>> = {}): RouteEntry<string> {
  return { hostnames: ['*'], match, rule, created: 0, name: 'r', place: 0, ...more };
}

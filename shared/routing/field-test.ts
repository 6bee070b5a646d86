import type { FieldMatch, RouteMatch } from '../resources/route-match.ts';
import { cookie } from './cookie.ts';
import { compilePattern } from './pattern.ts';
import { queryName, queryParam } from './query-param.ts';
import type { RequestView } from './request-view.ts';

/** One condition on a header field, a query parameter or a cookie, compiled. */
export type FieldTest = {
  readonly of: 'header' | 'query parameter' | 'cookie';
  /** As the request is asked for it. */
  readonly name: string;
  /** What the value has to be; null when any will do. */
  readonly value: string | RegExp | null;
  /** False when the condition holds for requests that do not have this. */
  readonly isWanted: boolean;
};

/** The conditions of a match, the cheapest to ask first. */
export function fieldTests({ headers = [], queryParams = [], cookies = [] }: RouteMatch): readonly FieldTest[] {
  return [
    ...headers.map((match) => compile('header', match, match.name.toLowerCase())),
    ...queryParams.map((match) => compile('query parameter', match, queryName(match.name))),
    ...cookies.map((match) => compile('cookie', match, match.name)),
  ];
}

function compile(of: FieldTest['of'], { type, value = '', invert = false }: FieldMatch, name: string): FieldTest {
  const isWanted = (type === 'Absent') === invert;
  if (type === 'Present' || type === 'Absent') return { of, name, value: null, isWanted };
  return { of, name, value: type === 'Exact' ? value : compilePattern(value), isWanted };
}

export function fieldHolds(test: FieldTest, request: RequestView): boolean {
  const { value } = test;
  const actual = fieldOf(test, request);
  const isThere =
    actual !== null && (value === null || (typeof value === 'string' ? value === actual : value.test(actual)));
  return isThere === test.isWanted;
}

/** Null where the request has no such field. */
function fieldOf({ of, name }: FieldTest, request: RequestView): string | null {
  switch (of) {
    case 'header':
      return request.header(name);
    case 'query parameter':
      return queryParam(request.query, name);
    case 'cookie': {
      const cookies = request.header('cookie');
      return cookies === null ? null : cookie(cookies, name);
    }
  }
}

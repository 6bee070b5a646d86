import t from 'tap';
import type { FieldMatch, RouteMatch } from '../../../shared/resources/route-match.ts';
import { fieldHolds, fieldTests } from '../../../shared/routing/field-test.ts';
import type { RequestView } from '../../../shared/routing/request-view.ts';
import { request } from './requests.ts';

/** What each test says of a value that is missing, empty, the one asked for, another, and one that begins with it. */
const values = [null, '', 'one', 'two', 'one more'];
const rows: readonly [FieldMatch['type'], value: string | undefined, holds: readonly boolean[]][] = [
  ['Exact', 'one', [false, false, true, false, false]],
  ['Exact', '', [false, true, false, false, false]],
  ['RegularExpression', 'o.e|t.o', [false, false, true, true, false]],
  ['RegularExpression', '.*', [false, true, true, true, true]],
  ['Present', undefined, [false, true, true, true, true]],
  ['Absent', undefined, [true, false, false, false, false]],
];

/** The same condition on each kind of field, and a request that has a value there. */
const kinds: Readonly<
  Record<string, { match(field: FieldMatch): RouteMatch; with(value: string | null): RequestView }>
> = {
  header: {
    match: (field) => ({ headers: [field] }),
    with: (value) => request('/', { headers: value === null ? { other: 'one' } : { name: value } }),
  },
  'query parameter': {
    match: (field) => ({ queryParams: [{ ...field, name: 'Name' }] }),
    with: (value) =>
      request('/', { query: value === null ? 'name=one' : `Name=${encodeURIComponent(value)}&Name=one` }),
  },
  cookie: {
    match: (field) => ({ cookies: [{ ...field, name: 'Name' }] }),
    with: (value) =>
      request('/', { headers: { cookie: value === null ? 'name=one' : `x=y; Name=${value}; Name=one` } }),
  },
  'cookie where there is no Cookie': {
    match: (field) => ({ cookies: [field] }),
    with: (value) => request('/', { headers: value === null ? {} : { cookie: `Name=${value}` } }),
  },
};

t.test('each kind of field is tested in each way, and the other way round', async (t) => {
  for (const [kind, { match, with: requestWith }] of Object.entries(kinds))
    for (const [type, value, wanted] of rows)
      for (const invert of [undefined, false, true]) {
        const field: FieldMatch = {
          type,
          name: 'Name',
          ...(value === undefined ? {} : { value }),
          ...(invert === undefined ? {} : { invert }),
        };
        const [test] = fieldTests(match(field));
        const held = values.map((actual) => fieldHolds(test!, requestWith(actual)));
        const right = wanted.map((holds) => holds !== (invert ?? false));
        t.strictSame(held, right, `${kind} ${type} ${value ?? ''}${invert ? ' inverted' : ''}`);
      }
});

t.test('a match has as many tests as it has conditions, and a request is asked for no more', async (t) => {
  const field = { type: 'Present', name: 'a' } as const;
  t.equal(fieldTests({ headers: [field, field], queryParams: [field], cookies: [field] }).length, 4);
  t.equal(fieldTests({ path: { type: 'Exact', value: '/' }, method: 'GET' }).length, 0);
});

import fc from 'fast-check';
import t from 'tap';
import type { FieldMatch, PathMatch, RouteMatch } from '../../../shared/resources/route-match.ts';
import { HostRoutes } from '../../../shared/routing/route-table.ts';
import { holdsFor } from '../../harness/property.ts';
import { orders } from './orders.ts';
import { firstPlain } from './plain-routing.ts';
import { entry, request } from './requests.ts';

const path = (type: PathMatch['type'], value: string): RouteMatch => ({ path: { type, value } });
const fields = (...names: string[]): FieldMatch[] => names.map((name) => ({ type: 'Present', name }));
const all = request('/a/b', { method: 'GET', query: 'p&q', headers: { h: '1', i: '1', cookie: 'c=1; d=1' } });

/** Pairs that both hold for `all`: the first of each comes before the second. */
const pairs: readonly [what: string, RouteMatch, RouteMatch][] = [
  ['exact before template', path('Exact', '/a/b'), { ...path('Template', '/a/b'), method: 'GET' }],
  ['exact before pattern', path('Exact', '/a/b'), { ...path('RegularExpression', '/a/b'), method: 'GET' }],
  ['exact before prefix', path('Exact', '/a/b'), { ...path('PathPrefix', '/a/b'), method: 'GET' }],
  ['template before pattern', path('Template', '/**'), { ...path('RegularExpression', '/a/b'), method: 'GET' }],
  ['template before prefix', path('Template', '/**'), { ...path('PathPrefix', '/a/b'), method: 'GET' }],
  ['pattern before prefix', path('RegularExpression', '.*'), { ...path('PathPrefix', '/a/b'), method: 'GET' }],
  ['more literal text', path('Template', '/a/*'), { ...path('Template', '/*/*'), method: 'GET' }],
  ['an end before none', path('Template', '/a/*'), { ...path('Template', '/a/**'), method: 'GET' }],
  ['more segments', path('Template', '/*/**'), { ...path('Template', '/**'), method: 'GET' }],
  ['templates that say as much by method', { ...path('Template', '/a/*'), method: 'GET' }, path('Template', '/a/{x}')],
  ['patterns by method', { ...path('RegularExpression', '/.*'), method: 'GET' }, path('RegularExpression', '/a/b')],
  ['long prefix before short', path('PathPrefix', '/a'), { ...path('PathPrefix', '/'), method: 'GET' }],
  ['method before fields', { method: 'GET' }, { headers: fields('h', 'i') }],
  ['more headers', { headers: fields('h', 'i') }, { headers: fields('h'), queryParams: fields('p', 'q') }],
  ['cookies count as headers', { headers: fields('h'), cookies: fields('c') }, { headers: fields('i') }],
  ['more cookies', { cookies: fields('c', 'd') }, { headers: fields('h'), queryParams: fields('p', 'q') }],
  ['more query parameters', { queryParams: fields('p', 'q') }, { queryParams: fields('p') }],
  ['a query parameter before none', { queryParams: fields('p') }, {}],
];

t.test('of two matches that hold the more specific is taken, whichever was written first', async (t) => {
  for (const [what, first, second] of pairs) {
    const entries = [entry('second', second, { created: -1 }), entry('first', first)];
    for (const list of orders(entries)) t.equal(new HostRoutes(list).match(all), 'first', what);
    t.equal(new HostRoutes([entry('second', second)]).match(all), 'second', `${what}: the other holds, too`);
    t.equal(firstPlain(entries, all)?.rule, 'first', `${what}: so says the oracle`);
  }
});

t.test('a template and what stands below it are tried in turn', async (t) => {
  const routes = new HostRoutes([
    entry('deep', { ...path('Template', '/a/{x}/c'), method: 'PUT' }),
    entry('literal', { ...path('Template', '/a/b/{y}'), method: 'POST' }),
    entry('rest', path('Template', '/a/**')),
    entry('root', path('Template', '/{v}/b/c')),
    entry('prefix', path('PathPrefix', '/')),
  ]);
  const ruleOf = (at: string, method: string) => routes.match(request(at, { method }));
  t.equal(ruleOf('/a/b/c', 'PUT'), 'deep');
  t.equal(ruleOf('/a/b/c', 'POST'), 'literal');
  t.equal(ruleOf('/a/b/c', 'GET'), 'root', 'more literal text than /a/**');
  t.equal(ruleOf('/a/b/d', 'GET'), 'rest');
  t.equal(ruleOf('/a', 'GET'), 'prefix');
});

const pathMatch = fc.oneof(
  fc.record({ type: fc.constantFrom('Exact' as const), value: fc.constantFrom('/', '/a', '/a/b', '/a/', '/b') }),
  fc.record({
    type: fc.constantFrom('PathPrefix' as const),
    value: fc.constantFrom('/', '/a', '/a/', '/a/b', '/a/b/c'),
  }),
  fc.record({ type: fc.constantFrom('RegularExpression' as const), value: fc.constantFrom('/a/.*', '.*', '/a|/b') }),
  fc.record({
    type: fc.constantFrom('Template' as const),
    value: fc.constantFrom(
      '/a/{x}',
      '/{x}',
      '/*/b',
      '/**',
      '/a/**',
      '/a/{x}/**',
      '/{x}/{y=**}',
      '/a',
      '/a/',
      '/a/b/*',
      '/',
    ),
  }),
);
const fieldMatch = (names: readonly string[]) =>
  fc
    .record({
      type: fc.constantFrom<FieldMatch['type'][]>('Exact', 'RegularExpression', 'Present', 'Absent'),
      name: fc.constantFrom(...names),
      value: fc.constantFrom('', '1', '2', '1|2'),
      invert: fc.boolean(),
    })
    .map(({ value, ...field }): FieldMatch => (field.type.endsWith('sent') ? field : { ...field, value }));
const routeMatch = fc.record(
  {
    path: pathMatch,
    method: fc.constantFrom('GET', 'PUT'),
    headers: fc.array(fieldMatch(['x', 'Y']), { maxLength: 2 }),
    queryParams: fc.array(fieldMatch(['p', 'q']), { maxLength: 2 }),
    cookies: fc.array(fieldMatch(['c']), { maxLength: 1 }),
  },
  { requiredKeys: [] },
);
const asked = fc.record({
  path: fc.constantFrom('/', '/a', '/a/', '/b', '/a/b', '/a/b/', '/a/b/c', '/c/b', '/a//b', '*'),
  method: fc.constantFrom('GET', 'PUT'),
  query: fc.constantFrom('', 'p', 'p=1', 'p=2&q=1', 'q=1&q=2&p=%31', '%70=1'),
  headers: fc.constantFrom<Record<string, string>[]>(
    {},
    { x: '1' },
    { x: '2', y: '1' },
    { cookie: 'c=1' },
    { cookie: 'd=1; c=2; c=1' },
  ),
});

t.test('the table takes what asking every match, and sorting what holds, would take', async (t) => {
  const written = fc.array(fc.tuple(routeMatch, fc.integer({ min: 0, max: 2 }), fc.constantFrom('r', 's')), {
    maxLength: 12,
  });
  const values = fc.tuple(written, fc.array(asked, { minLength: 8, maxLength: 8 }));
  holdsFor(t, values, { runs: 1000, show: (value) => JSON.stringify(value) }, ([list, requests]) => {
    const entries = list.map(([match, created, name], place) =>
      entry(`rule ${place}`, match, { created, name, place }),
    );
    const routes = new HostRoutes(entries);
    for (const { path, ...more } of requests) {
      const view = request(path, more);
      const found = routes.match(view);
      const wanted = firstPlain(entries, view)?.rule ?? null;
      if (found !== wanted) throw new Error(`${JSON.stringify({ path, ...more })} is ${found}, not ${wanted}`);
    }
  });
});

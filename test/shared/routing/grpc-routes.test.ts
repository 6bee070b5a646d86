import fc from 'fast-check';
import t, { type Test } from 'tap';
import { readResource } from '../../../shared/resources/read.ts';
import type { FieldMatch, GrpcMatch, RouteMatch } from '../../../shared/resources/route-match.ts';
import type { RouteEntry } from '../../../shared/routing/candidate.ts';
import type { RequestView } from '../../../shared/routing/request-view.ts';
import { HostRoutes } from '../../../shared/routing/route-table.ts';
import { holdsFor } from '../../harness/property.ts';
import { orders } from './orders.ts';

function call(path: string, fields: readonly string[] = [], method = 'POST'): RequestView {
  return { method, host: 'h', path, query: '', header: (name) => (fields.includes(name) ? '1' : null) };
}

type Grpc = Partial<GrpcMatch> & { fields?: readonly string[] };

function entry(rule: string, { fields = [], ...grpc }: Grpc, more: Partial<RouteEntry<string>> = {}) {
  const headers: FieldMatch[] = fields.map((name) => ({ type: 'Exact', name, value: '1' }));
  const match: RouteMatch = { grpc: { type: 'Exact', ...grpc }, headers };
  return { hostnames: ['*'], match, rule, created: 0, name: 'r', place: 0, ...more };
}

/** Checks rules by the path of a call, whichever order the entries are written in. */
function checkAll(t: Test, entries: readonly RouteEntry<string>[], wanted: Readonly<Record<string, string | null>>) {
  for (const list of orders(entries)) {
    const routes = new HostRoutes(list);
    for (const [path, rule] of Object.entries(wanted)) {
      const found = routes.match(call(path));
      if (found !== rule) t.fail(`${path} is ${found}, not ${rule}`);
    }
  }
  t.pass('in every order');
}

const type = 'RegularExpression';

t.test('a service with its method comes before the service, and the service before the method', async (t) => {
  checkAll(
    t,
    [
      entry('both', { service: 'shop.Cart', method: 'Add' }),
      entry('service', { service: 'shop.Cart' }),
      entry('method', { method: 'Add' }),
      entry('long method', { method: 'AddManyMoreThings' }),
    ],
    {
      '/shop.Cart/Add': 'both',
      '/shop.Cart/AddManyMoreThings': 'service',
      '/shop.Cart/Remove': 'service',
      '/shop.Order/Add': 'method',
      '/shop.Order/AddManyMoreThings': 'long method',
      '/shop.Carts/Remove': null,
      '/shop.Cart.Old/Remove': null,
      '/shop.Order/add': null,
      '/Add': null,
      '/a/b/Add': null,
    },
  );
});

t.test('patterns stand where their length puts them', async (t) => {
  checkAll(
    t,
    [
      entry('exact service', { service: 'shop.Cart' }),
      entry('short', { type, service: 'shop.+' }),
      entry('long', { type, service: 'shop[.](Order|Cart)', method: 'Get.*' }),
      entry('method', { type, method: 'Get.*|Put.*|Add.*|Remove.*' }),
    ],
    {
      '/shop.Cart/Get': 'long',
      '/shop.Cart/Add': 'exact service',
      '/shop.Order/GetAll': 'long',
      '/shop.Order/Add': 'short',
      '/mall.Order/Add': 'method',
      '/mall.Order/xAdd': null,
      '/shop.x/y/z': 'short',
      '/shop/z': null,
    },
  );
});

t.test('among equals: more fields, then names before patterns, then age, then name, then place', async (t) => {
  checkAll(t, [entry('name', { service: 'a.b' }, { created: 2 }), entry('pattern', { type, service: 'a.b' })], {
    '/a.b/c': 'name',
    '/a-b/c': 'pattern',
  });
  const entries = [
    entry('two', { service: 's', fields: ['a', 'b'] }, { created: 3 }),
    entry('one', { service: 's', fields: ['a'] }, { created: 3 }),
    entry('old', { service: 's' }, { created: 1, name: 'z' }),
    entry('name', { service: 's' }, { created: 2, name: 'a' }),
    entry('place', { service: 's' }, { created: 2, name: 'a', place: 1 }),
  ];
  for (const list of orders(entries)) {
    const routes = new HostRoutes(list);
    t.equal(routes.match(call('/s/m', ['a', 'b'])), 'two');
    t.equal(routes.match(call('/s/m', ['a'])), 'one');
    t.equal(routes.match(call('/s/m', ['b'])), 'old');
    t.equal(new HostRoutes(list.filter(({ rule }) => rule === 'name' || rule === 'place')).match(call('/s/m')), 'name');
  }
});

t.test('only calls match, and what none of them takes goes by its path', async (t) => {
  const path = { type: 'Exact', value: '/s/m' } as const;
  const routes = new HostRoutes<string>([
    entry('call', { service: 's', fields: ['a'] }),
    { ...entry('', {}), rule: 'path', match: { path } },
  ]);
  t.equal(routes.match(call('/s/m', ['a'])), 'call');
  t.equal(routes.match(call('/s/m')), 'path');
  t.equal(routes.match(call('/s/m', ['a'], 'GET')), 'path');
  t.equal(routes.match(call('/s/n')), null);
  t.equal(new HostRoutes([entry('call', { service: 's' })]).match(call('/s/m', [], 'PUT')), null);
});

const grpcMatch = fc.record({
  type: fc.constantFrom('Exact' as const, type),
  service: fc.option(fc.constantFrom('a', 'b', 'ab', 'a.b', 'abc'), { nil: undefined }),
  method: fc.option(fc.constantFrom('a', 'b', 'ab', 'abc'), { nil: undefined }),
  fields: fc.subarray(['x', 'y']),
});

t.test('it takes what a walk through all of them in their order would take', async (t) => {
  const one = fc.tuple(grpcMatch, fc.integer({ min: 0, max: 2 }));
  holdsFor(t, fc.array(one, { maxLength: 12 }), { runs: 500, show: (value) => JSON.stringify(value) }, (list) => {
    const entries = list
      .filter(([{ service, method }]) => service !== undefined || method !== undefined)
      .map(([{ service, method, ...more }, created], place) => {
        const names = { ...(service === undefined ? {} : { service }), ...(method === undefined ? {} : { method }) };
        return entry(`rule ${place}`, { ...more, ...names }, { created, place });
      });
    const routes = new HostRoutes<string>(entries);
    for (const service of ['a', 'ab', 'a.b', 'axb', 'c'])
      for (const method of ['a', 'b', 'abc'])
        for (const fields of [[], ['x'], ['x', 'y']]) {
          const found = routes.match(call(`/${service}/${method}`, fields));
          const wanted = walk(entries, service, method, fields);
          if (found !== wanted) throw new Error(`/${service}/${method} ${fields} is ${found}, not ${wanted}`);
        }
  });
});

function walk(entries: readonly RouteEntry<string>[], service: string, method: string, fields: readonly string[]) {
  const lengthOf = (name: string | undefined) => name?.length ?? 0;
  const ordered = [...entries].sort(
    ({ match: a, ...one }, { match: b, ...other }) =>
      lengthOf(b.grpc!.service) - lengthOf(a.grpc!.service) ||
      lengthOf(b.grpc!.method) - lengthOf(a.grpc!.method) ||
      b.headers!.length - a.headers!.length ||
      Number(a.grpc!.type === type) - Number(b.grpc!.type === type) ||
      one.created - other.created ||
      one.place - other.place,
  );
  const found = ordered.find(({ match: { grpc, headers } }) => {
    const isRight = (wanted: string | undefined, name: string) =>
      wanted === undefined || (grpc!.type === 'Exact' ? wanted === name : new RegExp(`^(?:${wanted})$`).test(name));
    return (
      isRight(grpc!.service, service) &&
      isRight(grpc!.method, method) &&
      headers!.every(({ name }) => fields.includes(name))
    );
  });
  return found?.rule ?? null;
}

t.test('a faulty match is refused with its field and what to do', async (t) => {
  const issuesOf = (match: object) => {
    const read = readResource({ kind: 'Route', name: 'r', spec: { rules: [{ matches: [match] }] } });
    return read.ok
      ? []
      : read.issues.map(({ pointer, message }) => `${pointer.replace('/spec/rules/0/matches/0', '')}: ${message}`);
  };
  for (const grpc of [
    { service: 'shop.v1.Cart' },
    { service: '.shop.Cart_2', method: '_add' },
    { type, service: 'shop[.](v1|v2)[.]Cart', method: 'Get.*' },
  ])
    t.strictSame(issuesOf({ grpc }), []);
  const beside = 'cannot stand beside grpc, which says path and method by itself; leave one of the two out';
  t.strictSame(issuesOf({ grpc: { service: 's' }, path: { value: '/' }, method: 'POST' }), [
    `/path: ${beside}`,
    `/method: ${beside}`,
  ]);
  t.strictSame(issuesOf({ grpc: {} }), ['/grpc: needs a service, a method, or both']);
  t.strictSame(issuesOf({ grpc: { service: 'shop/Cart', method: 'Get.*' } }), [
    '/grpc/service: is not the name of a service: "shop/Cart"; a pattern needs type RegularExpression',
    '/grpc/method: is not the name of a method: "Get.*"; a pattern needs type RegularExpression',
  ]);
  t.match(issuesOf({ grpc: { type, service: 'a)|(b', method: '(?=a)' } }), [
    /^\/grpc\/service: not a pattern that runs in linear time/,
    /^\/grpc\/method: not a pattern that runs in linear time/,
  ]);
  t.match(issuesOf({ grpc: { type, service: 'a'.repeat(600), method: 'b'.repeat(600) } }), [
    /^\/grpc: .*longer than 1024 characters/,
  ]);
  t.match(issuesOf({ grpc: { type: 'Prefix', service: 7, package: 'a' } }).sort(), [
    /^\/grpc\/package: unknown field; known here: type, service, method/,
    /^\/grpc\/service: /,
    /^\/grpc\/type: must be one of Exact, RegularExpression; got "Prefix"/,
  ]);
  for (const grpc of [null, 'shop.Cart', []]) t.equal(issuesOf({ grpc }).length > 0, true, JSON.stringify(grpc));
});

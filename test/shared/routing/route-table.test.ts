import t from 'tap';
import type { RouteMatch } from '../../../shared/resources/route-match.ts';
import type { RouteEntry } from '../../../shared/routing/candidate.ts';
import { compilePattern } from '../../../shared/routing/pattern.ts';
import type { RequestView } from '../../../shared/routing/request-view.ts';
import { HostRoutes, RouteTable } from '../../../shared/routing/route-table.ts';
import { orders } from './orders.ts';

function request(path: string, more: { method?: string; headers?: Record<string, string> } = {}): RequestView {
  return { method: more.method ?? 'GET', host: 'h', path, query: '', header: (name) => more.headers?.[name] ?? null };
}

function entry(rule: string, match: RouteMatch, more: Partial<RouteEntry<string>> = {}): RouteEntry<string> {
  return { hostnames: ['*'], match, rule, created: 0, name: 'r', place: 0, ...more };
}

const prefix = (value: string): RouteMatch => ({ path: { type: 'PathPrefix', value } });
const exact = (value: string): RouteMatch => ({ path: { type: 'Exact', value } });
const pattern = (value: string): RouteMatch => ({ path: { type: 'RegularExpression', value } });

t.test('exact comes before patterns, patterns before prefixes, long prefixes before short ones', async (t) => {
  for (const list of orders([
    entry('exact', exact('/shop/cart')),
    entry('pattern', pattern('/shop/c.*')),
    entry('long', prefix('/shop/cart')),
    entry('short', prefix('/shop')),
    entry('root', prefix('/')),
  ])) {
    const routes = new HostRoutes(list);
    for (const [path, wanted] of [
      ['/shop/cart', 'exact'],
      ['/shop/cart/', 'pattern'],
      ['/shop/cart/1', 'pattern'],
      ['/shop/x/cart', 'short'],
      ['/shop', 'short'],
      ['/shop/', 'short'],
      ['/shopping', 'root'],
      ['/', 'root'],
      ['*', 'root'],
    ] as const)
      if (routes.match(request(path)) !== wanted) t.fail(`${path} is ${routes.match(request(path))}, not ${wanted}`);
  }
  t.pass('in every order');
});

t.test('a prefix matches whole segments', async (t) => {
  const routes = new HostRoutes([entry('shop', prefix('/shop/')), entry('deep', prefix('/a/b/c'))]);
  for (const path of ['/shop', '/shop/', '/shop/a', '/shop//a']) t.equal(routes.match(request(path)), 'shop', path);
  for (const path of ['/shopping', '/sho', '/', '/Shop', '//shop', '/a/b', '/a/b/cd'])
    t.equal(routes.match(request(path)), null, path);
  t.equal(routes.match(request('/a/b/c/d/e/f/g')), 'deep');
});

t.test('among equal paths: method, then more fields, then age, then name, then place', async (t) => {
  const headers = (...names: string[]) => names.map((name) => ({ type: 'Exact' as const, name, value: '1' }));
  for (const list of orders([
    entry('method', { method: 'GET' }),
    entry('two', { headers: headers('A', 'b') }),
    entry('one', { headers: headers('a') }, { created: -5 }),
    entry('old', {}, { created: 1, name: 'z' }),
    entry('b', {}, { created: 2, name: 'b', place: 1 }),
  ])) {
    const routes = new HostRoutes(list);
    const ask = (method: string, ...fields: string[]) =>
      routes.match(request('/', { method, headers: Object.fromEntries(fields.map((name) => [name, '1'])) }));
    t.equal(ask('GET', 'a', 'b'), 'method');
    t.equal(ask('PUT', 'a', 'b'), 'two');
    t.equal(ask('PUT', 'a'), 'one');
    t.equal(ask('PUT', 'b'), 'old');
  }
  const byName = [
    entry('b0', {}, { name: 'b', place: 0 }),
    entry('a1', {}, { name: 'a', place: 1 }),
    entry('a0', {}, { name: 'a' }),
  ];
  for (const list of orders(byName)) t.equal(new HostRoutes(list).match(request('/')), 'a0');
});

t.test('a match that fails falls through to the next, down to none', async (t) => {
  const routes = new HostRoutes([
    entry('post', { ...exact('/a'), method: 'POST' }),
    entry('beta', { ...prefix('/a'), headers: [{ type: 'RegularExpression', name: 'X-Who', value: 'b.*a' }] }),
    entry('put', { ...prefix('/'), method: 'PUT' }),
  ]);
  t.equal(routes.match(request('/a', { method: 'POST' })), 'post');
  t.equal(routes.match(request('/a', { headers: { 'x-who': 'beta' } })), 'beta');
  t.equal(routes.match(request('/a', { headers: { 'x-who': 'beta2' } })), null, 'a pattern holds for the whole value');
  t.equal(routes.match(request('/a', { method: 'PUT' })), 'put');
  t.equal(routes.match(request('/a')), null);
});

t.test('the most specific host is taken, and none falls back to a wider one', async (t) => {
  const at = (...hostnames: string[]) => ({ hostnames });
  const table = new RouteTable([
    entry('exact', {}, at('a.example.org')),
    entry('near', {}, at('*.example.org')),
    entry('far', {}, at('*.org')),
    entry('any', {}, at('*')),
    entry('only-x', exact('/x'), at('narrow.org')),
  ]);
  const ruleOf = (host: string, path = '/') => (table.named(host) ?? table.any)?.match(request(path)) ?? null;
  t.equal(ruleOf('a.example.org'), 'exact');
  t.equal(ruleOf('b.example.org'), 'near');
  t.equal(ruleOf('c.b.example.org'), 'near');
  t.equal(ruleOf('example.org'), 'far', 'a suffix does not match the name it is of');
  t.equal(ruleOf('org'), 'any');
  t.equal(ruleOf(''), 'any');
  t.equal(ruleOf('narrow.org', '/x'), 'only-x');
  t.equal(ruleOf('narrow.org', '/y'), null);
  t.equal(new RouteTable<string>([]).any, null);
  t.equal(new RouteTable<string>([]).named('a'), null);
});

t.test('of the rules that ask for nothing the first is the one for whatever cannot be asked', async (t) => {
  const asking = [
    entry('path', prefix('/shop'), { created: 1 }),
    entry('method', { method: 'GET' }, { created: 1 }),
    entry('pattern', pattern('.*'), { created: 1 }),
    entry('exact', exact('/'), { created: 1 }),
  ];
  t.equal(new HostRoutes(asking).unconditional, null);
  for (const list of orders([entry('older', prefix('/'), { created: 2 }), entry('newer', {}, { created: 3 })]))
    t.equal(new HostRoutes([...asking, ...list]).unconditional, 'older');
  t.equal(new HostRoutes<string>([]).unconditional, null);
});

t.test('patterns run in time that grows with the text alone, and what cannot is refused', async (t) => {
  const startMs = performance.now();
  for (const source of ['(a+)+b', '(a|a)*b', '(.*)*x', '([a-z]+)*0'])
    t.notOk(compilePattern(source).test('a'.repeat(20_000)), source);
  t.ok(performance.now() - startMs < 2000);
  for (const source of ['(a)\\1', '(?=a)b', '(?!a)b', '(', ')(', 'x'.repeat(2000)])
    t.throws(() => compilePattern(source), SyntaxError, source.slice(0, 20));
  t.ok(compilePattern('a|b').test('b'));
  t.notOk(compilePattern('a|b').test('ab'), 'the whole text has to match');
});

import t from 'tap';
import { readAskedRequest, viewOf } from '../../../../shared/routing/explain/asked-request.ts';

t.test('a request is read as people write it', async (t) => {
  for (const [url, host, path, query] of [
    ['http://cart', 'cart', '/', ''],
    ['http://Cart:8080/v2/x', 'cart', '/v2/x', ''],
    ['cart/v2', 'cart', '/v2', ''],
    ['HTTPS://cart?a=1', 'cart', '/', 'a=1'],
    ['http://cart/a/../b%20c?d=/e?f', 'cart', '/a/../b%20c', 'd=/e?f'],
    ['http://[::1]:80/', '[::1]', '/', ''],
    ['http://127.0.0.1/', '127.0.0.1', '/', ''],
  ] as const) {
    const read = readAskedRequest('GET', url, []);
    t.match(read, { ok: true, value: { method: 'GET', host, path, query, headers: {} } }, url);
  }
});

t.test('fields are joined as a proxy sees them, and Host names the host', async (t) => {
  const fields = ['X-A: 1', 'x-a:2', 'Cookie: a=1', 'cookie: b=2 ', 'HOST: Other:80', 'empty:', 'x-b: c: d'];
  const read = readAskedRequest('GET', 'http://cart/', fields);
  t.match(read, {
    ok: true,
    value: { host: 'other', headers: { 'x-a': '1, 2', cookie: 'a=1; b=2', empty: '', 'x-b': 'c: d' } },
  });
  const view = viewOf((read as Extract<typeof read, { ok: true }>).value);
  t.equal(view.header('x-a'), '1, 2');
  t.equal(view.header('empty'), '');
  t.equal(view.header('constructor'), null);
});

t.test('what is no request is refused with every fault', async (t) => {
  const faultsOf = (...asked: Parameters<typeof readAskedRequest>) => {
    const read = readAskedRequest(...asked);
    return read.ok ? [] : read.issues.map(({ pointer, message }) => `${pointer}: ${message}`);
  };
  t.match(faultsOf('get', 'http://a b/', ['no colon', 'a b: c', 'a: b\r\nc: d', `a: ${'x'.repeat(9000)}`]), [
    '/method: must be a method in capitals, such as GET; got "get"',
    '/url: must be a URL such as http://cart/v2/items?page=1, with what is no ASCII as %XX; got "http://a b/"',
    '/header/0: must be a field such as "x-user: ada"; got "no colon"',
    /^\/header\/1: /,
    /^\/header\/2: /,
    /^\/header\/3: must be a field such as "x-user: ada"; got "a: x{74}\.\.\."$/,
  ]);
  for (const url of ['', '/path', 'http://', 'http:///a', 'http://a/#b', 'http://ü/', `http://a/${'x'.repeat(17_000)}`])
    t.match(faultsOf('GET', url, []), [/^\/url: /], url.slice(0, 20));
  t.strictSame(faultsOf('GET', 'http://a_b,c/', []), ['/url: "a_b,c" is no host and port']);
  t.strictSame(faultsOf('GET', 'http://a/', ['host: b c']), ['/url: "b c" is no host and port']);
  t.strictSame(faultsOf('GET', 'http://a/', Array(100).fill('a: b')), []);
  t.strictSame(faultsOf('GET', 'http://a/', Array(101).fill('a: b')), ['/header: must be 100 at most']);
});

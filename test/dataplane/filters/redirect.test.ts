import t from 'tap';
import { Redirect } from '../../../dataplane/filters/redirect.ts';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import type { RequestRedirect } from '../../../shared/resources/filters/path-filters.ts';
import { ask, get } from '../harness/raw-client.ts';
import { codecLimits } from '../http1/codec-relay.ts';
import { allPairs, filtered, hostOf } from './filtered.ts';

const callerBy = (scheme: Caller['scheme']): Caller => ({
  removes: 0,
  refuses: 0,
  isTrusted: false,
  scheme,
  address: Buffer.of(),
  forwarding: null,
  via: null,
});

type Settings = Omit<RequestRedirect, 'statusCode'>;

function answerTo(text: string, settings: Settings, prefixes: readonly string[], scheme: Caller['scheme'] = 'http') {
  const head = new RequestHead();
  const bytes = Buffer.from(text, 'latin1');
  readRequestHead(head, bytes, 0, bytes.length, codecLimits);
  return new Redirect({ statusCode: 302, ...settings }, prefixes).answer(head, callerBy(scheme));
}

function locationFor(text: string, settings: Settings, prefixes: readonly string[] = [], scheme?: Caller['scheme']) {
  return /^location: (.*)\r\n$/.exec(answerTo(text, settings, prefixes, scheme).fields)?.[1];
}

t.test('scheme, host and port of a Location', async (t) => {
  for (const [settings, host, scheme, expected] of [
    [{ hostname: 'b.test' }, 'a.test', 'http', 'http://b.test/p'],
    [{ hostname: 'b.test' }, 'a.test', 'https', 'https://b.test/p'],
    [{ hostname: 'b.test' }, 'a.test:8080', 'http', 'http://b.test:8080/p'],
    [{ hostname: 'b.test' }, 'a.test:80', 'http', 'http://b.test/p'],
    [{ hostname: 'b.test' }, 'a.test:443', 'https', 'https://b.test/p'],
    [{ hostname: 'b.test' }, 'a.test:80', 'https', 'https://b.test:80/p'],
    [{ hostname: 'b.test' }, 'a.test:', 'http', 'http://b.test/p'],
    [{ scheme: 'https' }, 'a.test', 'http', 'https://a.test/p'],
    [{ scheme: 'https' }, 'a.test:8080', 'http', 'https://a.test/p'],
    [{ scheme: 'http' }, 'a.test:8443', 'https', 'http://a.test/p'],
    [{ scheme: 'https', port: 8443 }, 'a.test', 'http', 'https://a.test:8443/p'],
    [{ scheme: 'https', port: 443 }, 'a.test:8080', 'http', 'https://a.test/p'],
    [{ scheme: 'https', port: 80 }, 'a.test', 'http', 'https://a.test:80/p'],
    [{ scheme: 'http', port: 443 }, 'a.test', 'http', 'http://a.test:443/p'],
    [{ port: 8083 }, 'a.test', 'http', 'http://a.test:8083/p'],
    [{ port: 80 }, 'a.test:8080', 'http', 'http://a.test/p'],
    [{ port: 443 }, 'a.test', 'https', 'https://a.test/p'],
    [{ port: 81 }, 'A.Test:8080', 'http', 'http://a.test:81/p'],
    [{ port: 81 }, '[::1]:8080', 'http', 'http://[::1]:81/p'],
    [{ hostname: 'b.test' }, '[::1]:8080', 'http', 'http://b.test:8080/p'],
  ] as const)
    t.equal(
      locationFor(get('/p', host), settings, [], scheme),
      expected,
      `${JSON.stringify(settings)} at ${scheme} ${host}`,
    );
});

t.test('the scheme is what a caller that may say so says of its own caller', async (t) => {
  const forwarded = 'X-Forwarded-Proto: https\r\n';
  t.equal(locationFor(get('/', 'a.test', forwarded), { hostname: 'b.test' }), 'https://b.test/');
  t.equal(locationFor(get('/', 'a.test', 'X-Forwarded-Proto: wss\r\n'), { hostname: 'b.test' }), 'http://b.test/');
});

t.test('path and query of a Location', async (t) => {
  const full = { path: { type: 'ReplaceFullPath', replaceFullPath: '/new' } } as const;
  const prefix = { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } } as const;
  const cut = { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '' } } as const;
  for (const [settings, target, expected] of [
    [{ port: 81 }, '/a/b?c=d&e', '/a/b?c=d&e'],
    [{ port: 81 }, '/?', '/?'],
    [full, '/a/b?c', '/new?c'],
    [prefix, '/a/b?c', '/new/b?c'],
    [prefix, '/a', '/new'],
    [cut, '/a/', '/'],
    [cut, '/a?b', '/?b'],
    [cut, '/a//evil.test/%2e', '/evil.test/%2e'],
    [{ port: 81 }, '//evil.test/', '//evil.test/'], // behind a host it is a path and nothing else
    [{ port: 81 }, '/\\evil.test', '/\\evil.test'],
    [{ port: 81 }, '/@evil.test', '/@evil.test'],
    [{ port: 81 }, '/%0d%0aSet-Cookie:a=b', '/%0d%0aSet-Cookie:a=b'],
    [{ port: 81 }, 'http://other.test/a?b', '/a?b'],
    [{ port: 81 }, 'http://other.test', '/'],
    [{ port: 81 }, 'http://other.test?b', '/?b'],
  ] as const) {
    const port = 'port' in settings ? ':81' : '';
    const host = target.startsWith('http') ? 'other.test' : 'a.test';
    t.equal(locationFor(get(target, 'a.test'), settings, ['/a']), `http://${host}${port}${expected}`, target);
  }
  t.equal(locationFor('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', full), 'http://a/', 'the server as a whole');
});

t.test('a request that names no host is not sent anywhere', async (t) => {
  const old = 'GET //evil.test HTTP/1.0\r\n\r\n';
  t.equal(answerTo(old, { scheme: 'https' }, []).status, 400);
  t.equal(locationFor(old, { hostname: 'b.test' }), 'http://b.test//evil.test');
});

const redirect = (requestRedirect: object) => ({ filters: [{ type: 'RequestRedirect', requestRedirect }] });

for (const pair of allPairs.filter(([, to]) => to === 'http1'))
  t.test(`${pair[0]}: a redirect is answered without an instance`, async (t) => {
    const statuses = [301, 302, 303, 307, 308] as const;
    const { call, seen, proxy } = await filtered(t, pair, [
      redirect({ hostname: 'b.test' }),
      ...statuses.map((statusCode) => redirect({ scheme: 'https', statusCode })),
      {
        ...redirect({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/two/' } }),
        matches: [{ path: { value: '/one' } }],
      },
    ]);
    const first = await call(0, { path: '/p?q' });
    t.match(first, { status: 302, fields: { location: 'http://b.test/p?q', 'x-meshlane-reason': 'redirected' } });
    for (const [i, status] of statuses.entries())
      t.match(await call(i + 1, { path: '/p' }), { status, fields: { location: `https://${hostOf(i + 1)}/p` } });
    t.match(await call(6, { path: '/one/1?q' }), { fields: { location: `http://${hostOf(6)}/two/1?q` } });
    t.match(await call(6, { path: '/onetwo' }), { status: 404 });
    const head = await call(0, { method: 'HEAD' });
    t.match(head, { status: 302, fields: { location: 'http://b.test/' } });
    t.match(await call(0, { method: 'POST', body: Buffer.from('body') }), { status: 302 });
    t.equal(seen().length, 0);
    t.equal(await proxy.metric('meshlane_local_replies_total', { reason: 'redirected', route: 'route-0' }), 3);
  });

t.test('a caller of HTTP/1.0 is redirected, too', async (t) => {
  const { proxy } = await filtered(t, ['http1', 'http1'], [redirect({ hostname: 'b.test' })]);
  const old = await ask(t, proxy.port, `GET /a HTTP/1.0\r\nHost: ${hostOf(0)}:81\r\n\r\n`);
  t.equal(old.header('location'), 'http://b.test:81/a');
});

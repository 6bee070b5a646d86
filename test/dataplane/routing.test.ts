import t from 'tap';
import { ask, get } from './harness/raw-client.ts';
import { instance, policy, route, service, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

t.test('host, path, method and fields choose the backend', async (t) => {
  const names = ['one', 'two', 'three', 'four', 'five'];
  const origins = await Promise.all(names.map((name) => scriptedOrigin(t, () => reply(name))));
  const proxy = await staticProxy(t, {
    resources: [
      ...names.flatMap((name, i) => serviceAt(name, origins[i]!.port)),
      route(
        'shop',
        [
          { matches: [{ path: { value: '/shop' } }], backends: [{ service: 'one' }] },
          { matches: [{ path: { type: 'Exact', value: '/shop/exact' } }], backends: [{ service: 'two' }] },
          { matches: [{ path: { value: '/shop' }, method: 'DELETE' }], backends: [{ service: 'three' }] },
          {
            matches: [{ path: { value: '/shop' }, headers: [{ name: 'X-Beta', value: 'yes' }] }],
            backends: [{ service: 'four' }],
          },
        ],
        ['shop.example', '*.shop.example'],
      ),
      route('rest', [{ backends: [{ service: 'five' }] }]),
    ],
  });
  const to = async (bytes: string) => {
    const got = await ask(t, proxy.port, bytes);
    return got.status === 200 ? got.body.toString() : `${got.status} ${got.header('x-meshlane-reason')}`;
  };
  t.equal(await to(get('/shop?x=/shop/exact', 'shop.example')), 'one');
  t.equal(await to(get('/shop/a', 'SHOP.example:80')), 'one');
  t.equal(await to(get('/shop/a', 'eu.shop.example')), 'one');
  t.equal(await to(get('/shop/exact?q', 'shop.example')), 'two');
  t.equal(await to(get('/shop/a', 'shop.example').replace('GET', 'DELETE')), 'three');
  t.equal(await to(get('/shop/a', 'shop.example', 'x-beta: yes\r\n')), 'four');
  t.equal(await to(get('/shop/a', 'shop.example', 'x-beta: yes\r\nX-Beta: no\r\n')), 'one', 'lines are joined');
  t.equal(await to(get('/shopping', 'shop.example')), '404 route_not_found');
  t.equal(await to(get('/shop', 'elsewhere')), 'five');
  t.equal(await to('GET /shop HTTP/1.0\r\n\r\n'), 'five', 'no host at all');
});

t.test('templates, query, cookies, what is missing, and who calls choose the backend, too', async (t) => {
  const names = ['one', 'two', 'three', 'four', 'five', 'six'];
  const origins = await Promise.all(names.map((name) => scriptedOrigin(t, () => reply(name))));
  const to = (name: string, match: object) => ({ matches: [match], backends: [{ service: name }] });
  const resources = [
    ...names.flatMap((name, i) => serviceAt(name, origins[i]!.port)),
    route('shop', [
      to('one', { path: { type: 'Template', value: '/users/{id}/files/**' } }),
      to('two', { queryParams: [{ name: 'page size', value: 'ü' }] }),
      to('three', { cookies: [{ name: 'beta', value: '1' }] }),
      to('four', { headers: [{ type: 'Absent', name: 'x-plain' }], method: 'PUT' }),
      to('five', { path: { value: '/own' }, source: { services: ['web'], namespaces: ['shop'], labels: { v: '2' } } }),
      to('six', {}),
    ]),
    route('own', [to('five', { source: { namespaces: ['shop'] } })], ['six']),
  ];
  const web = await staticProxy(t, { resources, spec: { service: 'web', namespace: 'shop', labels: { v: '2' } } });
  const other = await staticProxy(t, { resources });
  const replyOf = async (bytes: string, proxy = web) => (await ask(t, proxy.port, bytes)).body.toString();
  t.equal(await replyOf(get('/users/7/files/a/b?page+size=%C3%BC')), 'one');
  t.equal(await replyOf(get('/users/7/files')), 'six');
  t.equal(await replyOf(get('/?page+size=%C3%BC&page+size=x')), 'two');
  t.equal(await replyOf(get('/?x=1&page%20size=%c3%bc')), 'two');
  t.equal(await replyOf('GET http://h?page+size=%C3%BC HTTP/1.1\r\nHost: h\r\n\r\n'), 'two', 'no path before it');
  t.equal(await replyOf(get('/page+size=%C3%BC')), 'six');
  t.equal(await replyOf(get('/', 'h', 'Cookie: a=1; beta=1\r\n')), 'three');
  t.equal(await replyOf(get('/', 'h', 'Cookie: a=1\r\ncookie: beta=1\r\n')), 'three', 'in a line of its own');
  t.equal(await replyOf(get('/').replace('GET', 'PUT')), 'four');
  t.equal(await replyOf(get('/', 'h', 'X-Plain: \r\n').replace('GET', 'PUT')), 'six', 'empty is not missing');
  t.equal(await replyOf(get('/own')), 'five');
  t.equal(await replyOf(get('/own'), other), 'six');
  t.equal(await replyOf(get('/', 'six')), 'five');
  t.equal(await replyOf(get('/', 'six'), other), 'six', 'a host whose routes are all for others has none');
});

t.test('a service answers to its name unless a route takes it; a host nobody knows is 404', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('app'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  t.equal((await ask(t, proxy.port, get('/', 'app:8080'))).body.toString(), 'app');
  const unknown = await ask(t, proxy.port, get('/', 'nobody'));
  t.equal(unknown.status, 404);
  t.equal(unknown.header('x-meshlane-reason'), 'route_not_found');
});

t.test('requests are shared out by weight; the share of a service that is missing is 500', async (t) => {
  const a = await scriptedOrigin(t, () => reply('a'));
  const b = await scriptedOrigin(t, () => reply('b'));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('a', a.port),
      ...serviceAt('b', b.port),
      route('r', [
        {
          backends: [
            { service: 'a', weight: 70 },
            { service: 'b', weight: 20 },
            { service: 'missing', weight: 10 },
            { service: 'a', weight: 0 },
          ],
        },
      ]),
    ],
  });
  const seen: Record<string, number> = {};
  for (let i = 0; i < 400; i++) {
    const got = await ask(t, proxy.port, get());
    const name = got.status === 200 ? got.body.toString() : `${got.status} ${got.header('x-meshlane-reason')}`;
    seen[name] = (seen[name] ?? 0) + 1;
  }
  t.same(Object.keys(seen).sort(), ['500 no_backend', 'a', 'b']);
  t.ok(Math.abs(seen['a']! - 280) <= 4, `${seen['a']} of 280`);
  t.ok(Math.abs(seen['b']! - 80) <= 4, `${seen['b']} of 80`);
});

t.test('labels narrow a backend to a subset; an empty one is 503 no_endpoint', async (t) => {
  const origins = await Promise.all(['v1', 'v2'].map((name) => scriptedOrigin(t, () => reply(name))));
  const to = (version: string) => [{ service: 'app', labels: { version } }];
  const proxy = await staticProxy(t, {
    resources: [
      service('app'),
      instance('v1', 'app', origins[0]!.port, { labels: { version: 'v1' } }),
      instance('v2', 'app', origins[1]!.port, { labels: { version: 'v2', zone: 'a' } }),
      policy('app', { loadBalancer: { policy: 'round-robin' } }),
      route('r', [
        { matches: [{ path: { value: '/one' } }], backends: to('v1') },
        { matches: [{ path: { value: '/two' } }], backends: to('v2') },
        { matches: [{ path: { value: '/three' } }], backends: to('v3') },
        { backends: [{ service: 'app' }] },
      ]),
    ],
  });
  for (let i = 0; i < 4; i++) {
    t.equal((await ask(t, proxy.port, get('/one'))).body.toString(), 'v1');
    t.equal((await ask(t, proxy.port, get('/two'))).body.toString(), 'v2');
  }
  t.equal((await ask(t, proxy.port, get('/three'))).header('x-meshlane-reason'), 'no_endpoint');
  const all = new Set<string>();
  for (let i = 0; i < 4; i++) all.add((await ask(t, proxy.port, get())).body.toString());
  t.equal(all.size, 2);
});

t.test('instances that drain or are down get nothing new', async (t) => {
  const up = await scriptedOrigin(t, () => reply('up'));
  const other = await scriptedOrigin(t, () => reply('other'));
  const proxy = await staticProxy(t, {
    resources: [
      service('app'),
      instance('a', 'app', up.port),
      instance('b', 'app', other.port, { status: 'draining' }),
      instance('c', 'app', other.port, { status: 'down' }),
    ],
  });
  for (let i = 0; i < 6; i++) t.equal((await ask(t, proxy.port, get())).body.toString(), 'up');
});

t.test('a rule without backends is 500 no_backend, and metrics tell requests by service, route and code', async (t) => {
  const origin = await scriptedOrigin(t, ({ body }) => reply(`${body}!`));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      route('r', [{ matches: [{ path: { value: '/none' } }] }, { name: 'all', backends: [{ service: 'app' }] }]),
    ],
  });
  t.equal((await ask(t, proxy.port, get('/none'))).header('x-meshlane-reason'), 'no_backend');
  await ask(t, proxy.port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc');
  const labels = { direction: 'outbound', service: 'app', route: 'r' };
  t.equal(await proxy.metric('meshlane_requests_total', { ...labels, code: '200' }), 1);
  t.equal(await proxy.metric('meshlane_request_body_bytes_total', labels), 3);
  t.equal(await proxy.metric('meshlane_reply_body_bytes_total', labels), 4);
  t.equal(await proxy.metric('meshlane_request_duration_seconds_count', labels), 1);
  t.equal(await proxy.metric('meshlane_local_replies_total', { reason: 'no_backend' }), 1);
});

import { writeFileSync } from 'node:fs';
import t from 'tap';
import type { Explanation } from '../../shared/routing/explain/explanation.ts';
import { startPlane } from '../controlplane/plane.ts';
import { runCli } from '../controlplane/run-cli.ts';
import { ask, get } from '../dataplane/harness/raw-client.ts';
import { instance, policy, route, service } from '../dataplane/harness/resources.ts';
import { reply, scriptedOrigin } from '../dataplane/harness/scripted-origin.ts';
import { staticProxy } from '../dataplane/harness/static-proxy.ts';
import { freePort } from '../harness/free-port.ts';
import { tempFolder } from '../harness/temp-folder.ts';

const mesh = `
kind: Proxy
name: edge
spec: { service: web, listeners: [{ name: out, port: 0 }] }
---
kind: Service
name: cart
---
kind: Instance
name: cart-1
labels: { topology.kubernetes.io/zone: eu }
spec: { service: cart, address: 127.0.0.1, port: 8080 }
---
kind: Policy
name: cart
spec: { targets: [{ name: cart }], timeouts: { request: 3s }, breaker: {} }
---
kind: Route
name: shop
spec:
  hostnames: [cart]
  rules:
    - name: testers
      matches: [{ path: { value: /v2 }, headers: [{ name: x, value: y }] }]
      timeouts: { backendRequest: 1s }
      backends: [{ service: cart, weight: 9 }, { service: gone, weight: 1 }]
    - name: web
      matches: [{ path: { value: /v2 }, source: { services: [web], labels: { v: "2" } } }]
      backends: [{ service: gone }]
`;

function meshFile(t: Parameters<typeof tempFolder>[0]): string {
  const file = `${tempFolder(t)}/mesh.yaml`;
  writeFileSync(file, mesh);
  return file;
}

t.test('a file is enough to say where a request would go, and why not elsewhere', async (t) => {
  const file = meshFile(t);
  const ran = await runCli(['explain', '-f', file, 'GET', 'http://cart/v2/x?a=b', '-H', 'X: y']);
  t.equal(ran.stderr, '');
  t.equal(ran.code, 0);
  t.equal(
    ran.stdout,
    `GET http://cart/v2/x?a=b, from a caller of service web
  x: y

host      routes are written for exactly this name
rule      shop/testers: prefix /v2, header x is y

Other rules:
  RULE      MATCH                                                 LOST BECAUSE
  shop/web  prefix /v2, for callers of service web with v=2 only  for callers of service web with v=2 only

90 % to cart
  timeouts  request 3s (policy cart), perTry 1s (rule), idle 5m (policy cart), maxStream none (policy cart)
  retry     2 more tries on connect-failure, refused-stream, reset, gateway-error (default)
  balancer  least-request (default)
  also      breaker (policy cart)
  INSTANCE  ADDRESS         WEIGHT  ZONE  STATUS
  cart-1    127.0.0.1:8080  1       eu    up

10 % to gone: there is no service gone: its share is answered 500 (no_backend)
  timeouts  request none (default), perTry 1s (rule), idle 5m (default), maxStream none (default)
  retry     2 more tries on connect-failure, refused-stream, reset, gateway-error (default)
  balancer  least-request (default)
`,
  );
});

t.test('the exit code says whether the proxy would answer by itself', async (t) => {
  const file = meshFile(t);
  const none = await runCli(['explain', '-f', file, 'http://cart/v1']);
  t.match(none, { code: 1, stdout: /^rule {6}none holds\nanswer {4}404 \(route_not_found\), from the proxy itself$/m });
  const web = await runCli(['explain', '-f', '-', 'http://cart/v2', '--label', 'v=2', '-o', 'json'], { stdin: mesh });
  t.equal(web.code, 1);
  t.match(JSON.parse(web.stdout), {
    caller: { service: 'web', namespace: null, labels: { v: '2' } },
    matched: { name: 'shop/web' },
    reply: { code: 'no_backend', status: 500 },
  });
  const other = await runCli([
    'explain',
    '-f',
    file,
    'http://cart/v2',
    '--label',
    'v=2',
    '--from',
    'x',
    '--namespace',
    'y',
  ]);
  t.match(other, { code: 1, stdout: /from a caller of service x in namespace y with v=2/ });
});

t.test('without a file it is the control plane that says what there is', async (t) => {
  const plane = await startPlane(t);
  const resources = mesh.slice(mesh.indexOf('---'));
  const at = { MESHLANE_API: plane.url };
  const withoutGone = resources.replace(', { service: gone, weight: 1 }', '').replace('service: gone', 'service: cart');
  t.match(await runCli(['apply', '-f', '-'], { env: at, stdin: withoutGone }), { code: 0 });
  const ran = await runCli(['explain', 'http://cart/v2/x', '-H', 'x: y', '-o', 'json'], { env: at });
  t.equal(ran.code, 0, ran.stderr);
  t.match(JSON.parse(ran.stdout), {
    matched: { name: 'shop/testers' },
    others: [{ name: 'shop/web' }],
    backends: [{ service: 'cart', percent: 100, endpoints: [{ name: 'cart-1', zone: 'eu', live: null }] }],
    live: null,
  });
});

t.test('a running proxy adds what it sees of the instances', async (t) => {
  const origins = await Promise.all([
    scriptedOrigin(t, () => reply('one')),
    scriptedOrigin(t, () => reply('two', '', 500)),
  ]);
  const deadPort = await freePort();
  const proxy = await staticProxy(t, {
    spec: { workers: 2, service: 'web', namespace: 'shop' },
    resources: [
      service('cart'),
      instance('good', 'cart', origins[0].port),
      instance('bad', 'cart', origins[1].port),
      instance('dead', 'cart', deadPort),
      instance('leaving', 'cart', deadPort, { status: 'draining' }),
      policy('cart', {
        loadBalancer: { policy: 'adaptive', panicThresholdPercent: 0 },
        breaker: { consecutiveFailures: 1, openFor: '60s' },
        connections: { backoff: '60s', maxBackoff: '60s' },
        retry: { attempts: 0 },
      }),
      route(
        'cart',
        [
          {
            backends: [{ service: 'gone', weight: 0 }, { service: 'cart' }, { service: 'gone' }],
            breaker: { consecutiveFailures: 1000 },
          },
          { matches: [{ source: { namespaces: ['bank'] } }], backends: [{ service: 'cart' }] },
        ],
        ['cart'],
      ),
    ],
  });
  for (let i = 0; i < 100; i++) await ask(t, proxy.port, get('/', 'cart'));
  const admin = `127.0.0.1:${proxy.adminPort}`;
  const ran = await runCli(['explain', '--proxy', admin, 'http://cart/v2', '-H', 'x: y', '-o', 'json']);
  t.equal(ran.code, 0, ran.stderr);
  const explanation = JSON.parse(ran.stdout) as Explanation;
  t.match(explanation, {
    request: { path: '/v2', headers: { x: 'y' } },
    caller: { service: 'web', namespace: 'shop' },
    matched: { name: 'cart/0' },
    others: [{ name: 'cart/1', why: 'for callers in namespace bank only' }],
    live: { revision: 1, workers: 2, breaker: 'closed' },
  });
  const [none, cart, gone] = explanation.backends;
  t.match([none?.live, gone?.live], [null, null]);
  t.match(cart?.live, {
    balancer: /^(least-request, busy|round-robin, calm|peak-ewma, unequal): the costliest /,
    isPanicking: false,
  });
  t.match(cart?.endpoints, [
    { name: 'good', live: { isCandidate: true, inFlight: 0, latencyMs: Number, isHealthy: true, isEjected: false } },
    { name: 'bad', live: { isCandidate: false, breaker: 'open' } },
    { name: 'dead', live: { isCandidate: false, breaker: 'open' } },
    { name: 'leaving', status: 'draining', live: null },
  ]);
  const text = await runCli(['explain', '--proxy', admin, 'http://cart/v2']);
  t.match(text.stdout, /^breaker {3}of the rule: closed$/m);
  t.match(text.stdout, /^live {6}revision 1, as one of 2 workers sees it$/m);
  t.match(text.stdout, /^ {2}balancer {2}.*: the costliest .* \(policy cart-policy\)$/m);
  t.match(text.stdout, /^ {2}good +127\.0\.0\.1:\d+ +1 +- +candidate +0 +[\d.]+ ms$/m);
  t.match(text.stdout, /^ {2}bad .* left out, breaker open +0 +[\d.]+ ms$/m);
  t.match(text.stdout, /^ {2}leaving .* draining +- +-$/m);
  const unknown = await runCli(['explain', '--proxy', admin, 'http://nobody/']);
  t.match(unknown, { code: 1, stdout: /404 \(route_not_found\)/ });
});

t.test('the admin port refuses a question that is none', async (t) => {
  const proxy = await staticProxy(t);
  const askAdmin = async (query: string) => {
    const reply = await fetch(`http://127.0.0.1:${proxy.adminPort}/explain${query}`);
    return { status: reply.status, body: await reply.json() };
  };
  for (const query of ['', '?', '?url='])
    t.match(await askAdmin(query), { status: 400, body: { errors: [{ pointer: '/url' }] } }, query);
  t.match(await askAdmin('?method=get&url=http://a/&header=x'), {
    status: 400,
    body: { errors: [{ pointer: '/method' }, { pointer: '/header/0' }] },
  });
  t.match(await askAdmin('?url=http://a/b?c&header=x:%20y&header=x:z'), {
    status: 200,
    body: {
      request: { method: 'GET', host: 'a', path: '/b', query: 'c', headers: { x: 'y, z' } },
      reply: { status: 404 },
    },
  });
});

t.test('a command line that cannot be meant is refused', async (t) => {
  const file = meshFile(t);
  for (const [args, message] of [
    [[], 'give a URL'],
    [['GET', 'http://a/', 'b'], 'give a URL'],
    [['get', 'http://a/'], '/method: must be a method in capitals'],
    [['http://a b/'], '/url: must be a URL'],
    [['http://a/', '-H', 'x'], '/header/0: must be a field'],
    [['http://a/', '-o', 'yaml'], '-o must be one of text, json'],
    [['http://a/', '-f', file, '--api', ':1'], 'give either -f or --api'],
    [['http://a/', '--proxy', ':1', '--from', 'a'], '--from does nothing with --proxy'],
    [['http://a/', '--proxy', ':1', '-f', file], '--file does nothing with --proxy'],
    [['http://a/', '--proxy', 'nowhere'], '--proxy must be HOST:PORT'],
    [['http://a/', '-f', file, '--label', 'v'], '--label takes KEY=VALUE pairs; got "v"'],
  ] as const) {
    const ran = await runCli(['explain', ...args]);
    t.equal(ran.code, 2, args.join(' '));
    t.match(ran.stderr, message, args.join(' '));
  }
});

t.test('what cannot be asked or read is a failure with its reason', async (t) => {
  const port = await freePort();
  const away = await runCli(['explain', '--proxy', `:${port}`, 'http://a/']);
  t.match(away, { code: 1, stderr: /no proxy answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/ });
  const faulty = await runCli(['explain', '-f', '-', 'http://a/'], {
    stdin:
      'kind: Route\nname: r\nspec: { rules: [{ matches: [{ path: { value: x } }] }] }\n---\nkind: Proxy\nname: p\n',
  });
  t.equal(faulty.code, 1);
  t.match(faulty.stderr, 'document 1 (Route/r) /spec/rules/0/matches/0/path/value: must start with "/"');
  t.match(faulty.stderr, 'document 2 (Proxy/p) /spec: is required');
});

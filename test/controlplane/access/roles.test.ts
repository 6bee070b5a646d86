import t from 'tap';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { callInstance, helloOf, register } from '../sidecar.ts';
import { bearer, type GuardedPlane, pushClient, startGuardedPlane, tokens, type Who } from './guarded-plane.ts';

const shopService = { spec: { protocol: 'http1' } };
const shopRoute = { spec: { hostnames: ['cart.shop'], rules: [{ backends: [{ service: 'cart.shop' }] }] } };
const shopPolicy = { spec: { targets: [{ name: 'cart.shop' }], timeouts: { request: '1s' } } };
const shopInstance = { spec: { service: 'cart.shop', address: '127.0.0.1', port: 9000 } };

/** What each role gets: R reader, E editor of shop, A admin, S admin of shop, W workload cart.shop; N without a token. */
const routes: readonly [method: string, path: string, body: unknown, allowed: string, status: number][] = [
  ['GET', '/healthz', undefined, 'REASWN', 200],
  ['GET', '/readyz', undefined, 'REASWN', 200],
  ['GET', '/', undefined, 'REASWN', 302],
  ['GET', '/metrics', undefined, 'REAS', 200],
  ['GET', '/docs', undefined, 'REAS', 200],
  ['GET', '/openapi.json', undefined, 'REAS', 200],
  ['GET', '/v1/services', undefined, 'REAS', 200],
  ['HEAD', '/v1/services', undefined, 'REAS', 200],
  ['GET', '/v1/routes/none', undefined, 'REAS', 404],
  ['GET', '/v1/status', undefined, 'REAS', 200],
  ['GET', '/v1/sidecars', undefined, 'REAS', 200],
  ['GET', '/v1/rollouts/latest', undefined, 'REAS', 200],
  ['GET', '/nowhere', undefined, 'REAS', 404],
  ['PUT', '/v1/services/cart.shop', shopService, 'EAS', 200],
  ['PUT', '/v1/routes/cart.shop', shopRoute, 'EAS', 200],
  ['PUT', '/v1/policies/cart.shop', shopPolicy, 'EAS', 200],
  ['PUT', '/v1/instances/cart-1', shopInstance, 'EASW', 200],
  ['POST', '/v1/instances/cart-1/heartbeat', undefined, 'EASW', 200],
  ['POST', '/v1/apply', { resources: [{ kind: 'Service', name: 'cart.shop', ...shopService }] }, 'EAS', 200],
  ['PUT', '/v1/services/pay.bank?dryRun=true', shopService, 'A', 200],
  ['DELETE', '/v1/routes/cart.shop?dryRun=true', undefined, 'EAS', 200],
  ['DELETE', '/v1/policies/cart.shop?dryRun=true', undefined, 'EAS', 200],
  ['DELETE', '/v1/instances/cart-1?dryRun=true', undefined, 'EASW', 200],
  ['DELETE', '/v1/services/none.shop', undefined, 'EAS', 404],
];

const whoBy: Readonly<Record<string, Who | null>> = {
  R: 'reader',
  E: 'editor',
  A: 'admin',
  S: 'shopAdmin',
  W: 'workload',
  N: null,
};

async function withShop(plane: GuardedPlane): Promise<void> {
  const resources = [
    { kind: 'Service', name: 'cart.shop', ...shopService },
    { kind: 'Instance', name: 'cart-1', ...shopInstance },
    { kind: 'Route', name: 'cart.shop', ...shopRoute },
    { kind: 'Policy', name: 'cart.shop', ...shopPolicy },
  ];
  const { status } = await plane.as('admin', 'POST', '/v1/apply', { resources });
  if (status !== 200) throw new Error(`the shop was refused with ${status}`);
}

t.test('each role may call just its routes', async (t) => {
  const plane = await startGuardedPlane(t);
  await withShop(plane);
  for (const [method, path, body, allowed, status] of routes)
    for (const [letter, who] of Object.entries(whoBy)) {
      const reply = await plane.as(who, method, path, body);
      const refused = who === null ? 401 : 403;
      t.equal(reply.status, allowed.includes(letter) ? status : refused, `${who ?? 'nobody'}: ${method} ${path}`);
    }
});

t.test('a refusal says who lacks what, and how to be somebody', async (t) => {
  const plane = await startGuardedPlane(t);
  const unknown = await plane.as(null, 'GET', '/v1/services');
  t.equal(unknown.headers['www-authenticate'], 'Bearer realm="meshlane"');
  t.match(unknown.body, {
    type: '/docs#problem-unauthenticated',
    status: 401,
    detail: /token or a client certificate/,
  });
  const wrong = await plane.call('GET', '/v1/services', undefined, bearer('not-a-token-of-ours'));
  t.equal(wrong.headers['www-authenticate'], 'Bearer realm="meshlane", error="invalid_token"');
  const basic = { authorization: `Basic ${Buffer.from(`admin:${tokens.admin}`).toString('base64')}` };
  t.match(await plane.call('GET', '/v1/services', undefined, basic), {
    status: 401,
    body: { detail: /"Bearer TOKEN"/ },
  });
  const reader = await plane.as('reader', 'PUT', '/v1/services/cart.shop', shopService);
  t.match(reader.body, {
    type: '/docs#problem-forbidden',
    detail: 'the token "reader" has the role reader, and this takes editor or admin',
  });
});

t.test('what is open with --open-metrics is nothing of the mesh', async (t) => {
  const plane = await startGuardedPlane(t, { openMetrics: true });
  for (const path of ['/metrics', '/docs', '/openapi.json'])
    t.equal((await plane.as(null, 'GET', path)).status, 200, path);
  t.equal((await plane.as(null, 'GET', '/v1/services')).status, 401);
});

const calls: Readonly<Record<string, string>> = {
  stream: 'ASW',
  register: 'EASW',
  heartbeat: 'EASW',
  deregister: 'EASW',
};

t.test('each role may make just its calls of the push port', async (t) => {
  const plane = await startGuardedPlane(t);
  await withShop(plane);
  const { OK, UNAUTHENTICATED, PERMISSION_DENIED } = grpc.status;
  for (const [letter, who] of Object.entries(whoBy)) {
    const client = pushClient(t, plane.push, who ? { token: tokens[who] } : {});
    const statusOf = (call: Promise<unknown>) =>
      call.then(
        () => OK,
        (error: grpc.ServiceError) => error.code,
      );
    const document = { kind: 'Instance', name: `cart-of-${letter.toLowerCase()}`, ...shopInstance };
    const found: Record<string, grpc.status> = {
      stream: await statusOf(
        new Promise((resolve, reject) => {
          const stream = client.stream();
          stream.once('data', resolve);
          stream.once('data', () => stream.cancel());
          stream.on('error', reject);
          stream.write({ hello: { ...helloOf(`stream-of-${letter}`), service: 'cart.shop' } });
        }),
      ),
      register: await statusOf(register(client, document)),
      heartbeat: await statusOf(callInstance(client, 'heartbeat', 'cart-1')),
    };
    // Registered by one who may, so that there is something to take away.
    await plane.as('admin', 'PUT', `/v1/instances/${document.name}`, shopInstance);
    found['deregister'] = await statusOf(callInstance(client, 'deregister', document.name));
    const refused = who === null ? UNAUTHENTICATED : PERMISSION_DENIED;
    for (const [call, allowed] of Object.entries(calls))
      t.equal(found[call], allowed.includes(letter) ? OK : refused, `${who ?? 'nobody'}: ${call}`);
  }
});

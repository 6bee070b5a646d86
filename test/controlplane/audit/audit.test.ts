import t from 'tap';
import { until } from '../../harness/until.ts';
import { bearer, pushClient, startGuardedPlane, tokens } from '../access/guarded-plane.ts';
import { callInstance, register } from '../sidecar.ts';

const cart = { kind: 'Service', name: 'cart.shop', spec: { protocol: 'http1' } };
const instance = {
  kind: 'Instance',
  name: 'cart-1',
  spec: { service: 'cart.shop', address: '127.0.0.1', port: 9000, leaseSeconds: 60 },
};

t.test('each change and each refused attempt is one line; questions, dry runs and heartbeats are none', async (t) => {
  const plane = await startGuardedPlane(t);
  const client = pushClient(t, plane.push, { token: tokens.workload });
  const nobody = pushClient(t, plane.push);
  await plane.as('reader', 'GET', '/v1/services');
  await plane.as('admin', 'PUT', '/v1/services/cart.shop?dryRun=true', cart);
  const made = await plane.as('admin', 'PUT', '/v1/services/cart.shop', cart);
  await plane.as('admin', 'PUT', '/v1/services/cart.shop', cart);
  await plane.as('reader', 'DELETE', '/v1/services/cart.shop');
  await plane.as('editor', 'POST', '/v1/apply?dryRun=true', { resources: [{ ...cart, name: 'pay.bank' }] });
  await plane.as('editor', 'PUT', '/v1/routes/r.shop', { spec: { rules: 3 } });
  await plane.as('editor', 'POST', '/v1/apply', { resources: 'none' });
  await plane.call('GET', '/v1/services?watch=true', undefined, bearer('a-secret-guess'));
  await register(client, instance);
  await callInstance(client, 'heartbeat', 'cart-1');
  await plane.as('workload', 'POST', '/v1/instances/cart-1/heartbeat');
  await t.rejects(callInstance(nobody, 'deregister', 'cart-1'));
  await plane.as('editor', 'DELETE', '/v1/instances/none', undefined);
  await callInstance(client, 'deregister', 'cart-1');

  const wanted = [
    ['admin', 'token', 'PUT /v1/services/:name', ['Service/cart.shop created'], 'done'],
    ['admin', 'token', 'PUT /v1/services/:name', ['Service/cart.shop unchanged'], 'unchanged'],
    ['reader', 'token', 'DELETE /v1/services/:name', ['/v1/services/cart.shop'], 'forbidden'],
    ['editor', 'token', 'POST /v1/apply', ['Service/pay.bank'], 'forbidden'],
    ['editor', 'token', 'PUT /v1/routes/:name', ['Route/r.shop'], 'invalid'],
    ['editor', 'token', 'POST /v1/apply', ['/v1/apply'], 'status 400'],
    ['anonymous', 'anonymous', 'GET /v1/services', ['/v1/services'], 'unauthenticated'],
    ['cart', 'token', 'Register', ['Instance/cart-1 created'], 'done'],
    ['anonymous', 'anonymous', 'Deregister', [], 'unauthenticated'],
    ['editor', 'token', 'DELETE /v1/instances/:name', ['Instance/none'], 'not_found'],
    ['cart', 'token', 'Deregister', ['Instance/cart-1 removed'], 'done'],
  ];
  const lines = await until(() => (plane.audited().length >= wanted.length ? plane.audited() : null));
  t.strictSame(
    lines.map(({ who, how, action, what, outcome }) => [who, how, action, what, outcome]),
    wanted,
  );
  t.equal(lines[0]!['revision'], Number(made.headers['x-meshlane-revision']));
  t.equal(lines[1]!['revision'], null);
  for (const { at, peer } of lines) {
    t.match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    t.match(peer, /^127\.0\.0\.1:\d+$/);
  }
  t.match(lines[2]!['reason'], /has the role reader, and this takes editor or admin/);
  const all = JSON.stringify(lines);
  for (const secret of [...Object.values(tokens), 'a-secret-guess'])
    t.notOk(all.includes(secret), 'no token is written');
});

t.test('without an access file everybody is anonymous, and what leases take away is told', async (t) => {
  const plane = await startGuardedPlane(t);
  await plane.as('admin', 'PUT', '/v1/services/cart.shop', cart);
  await plane.as('admin', 'PUT', '/v1/instances/cart-1', { spec: { ...instance.spec, leaseSeconds: 1 } });
  const expired = await until(() => plane.audited().find(({ how }) => how === 'internal'), { timeoutMs: 20_000 });
  t.match(expired, { who: 'control-plane', what: ['Instance/cart-1 removed'], outcome: 'done', reason: null });
});

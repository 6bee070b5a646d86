import t from 'tap';
import { type GuardedPlane, startGuardedPlane } from './guarded-plane.ts';

const service = { spec: { protocol: 'http1' } };
const instanceOf = (name: string) => ({ spec: { service: name, address: '127.0.0.1', port: 9000 } });
const policyOf = (...names: string[]) => ({
  spec: { targets: names.map((name) => ({ name })), timeouts: { request: '1s' } },
});

async function withBank(plane: GuardedPlane): Promise<void> {
  const resources = [
    ...['cart.shop', 'pay.bank', 'plain'].map((name) => ({ kind: 'Service', name, ...service })),
    { kind: 'Instance', name: 'pay-1', ...instanceOf('pay.bank') },
    { kind: 'Policy', name: 'old.shop', ...policyOf('pay.bank') },
  ];
  const { status } = await plane.as('admin', 'POST', '/v1/apply', { resources });
  if (status !== 200) throw new Error(`the bank was refused with ${status}`);
}

t.test('a write is held to the namespaces of all that it touches', async (t) => {
  const plane = await startGuardedPlane(t);
  await withBank(plane);
  const toBank = { spec: { hostnames: ['cart.shop'], rules: [{ backends: [{ service: 'pay.bank' }] }] } };
  const refusals: readonly [method: string, path: string, body: unknown, why: RegExp][] = [
    ['PUT', '/v1/services/pay.bank', service, /Service\/pay\.bank is in namespace bank, and its namespaces are shop/],
    ['PUT', '/v1/services/plain', service, /is in namespace default/],
    ['PUT', '/v1/services/cart.eu.shop', service, /is in namespace eu\.shop/],
    ['DELETE', '/v1/services/plain', undefined, /is in namespace default/],
    ['PUT', '/v1/routes/all.bank', toBank, /Route\/all\.bank is in namespace bank/],
    ['PUT', '/v1/policies/two.shop', policyOf('cart.shop', 'plain'), /concerns plain in namespace default/],
    ['PUT', '/v1/policies/old.shop', policyOf('cart.shop'), /concerns pay\.bank in namespace bank/],
    ['DELETE', '/v1/policies/old.shop', undefined, /concerns pay\.bank in namespace bank/],
    ['PUT', '/v1/instances/new.shop', instanceOf('pay.bank'), /concerns pay\.bank in namespace bank/],
    ['PUT', '/v1/instances/pay-1', instanceOf('cart.shop'), /concerns pay\.bank in namespace bank/],
    ['DELETE', '/v1/instances/pay-1', undefined, /concerns pay\.bank in namespace bank/],
    ['POST', '/v1/instances/pay-1/heartbeat', undefined, /concerns pay\.bank in namespace bank/],
  ];
  for (const who of ['editor', 'shopAdmin'] as const)
    for (const [method, path, body, why] of refusals) {
      const reply = await plane.as(who, method, path, body);
      t.match(
        reply,
        { status: 403, body: { type: '/docs#problem-forbidden', detail: why } },
        `${who} ${method} ${path}`,
      );
    }
  t.equal((await plane.as('editor', 'PUT', '/v1/routes/cart.shop', toBank)).status, 201, 'a backend may be anywhere');
  t.equal((await plane.as('editor', 'PUT', '/v1/instances/cart-1', instanceOf('cart.shop'))).status, 201);
});

t.test('one resource outside refuses the whole of an apply, a dry run as well', async (t) => {
  const plane = await startGuardedPlane(t);
  await withBank(plane);
  const resources = [
    { kind: 'Service', name: 'new.shop', ...service },
    { kind: 'Service', name: 'new.bank', ...service },
  ];
  for (const path of ['/v1/apply', '/v1/apply?dryRun=true'])
    t.match(await plane.as('editor', 'POST', path, { resources }), { status: 403, body: { detail: /new\.bank/ } });
  t.equal((await plane.as('reader', 'GET', '/v1/services/new.shop')).status, 404);
});

t.test('a workload changes its own instances and nothing else', async (t) => {
  const plane = await startGuardedPlane(t);
  await withBank(plane);
  const put = (name: string, of: string) => plane.as('workload', 'PUT', `/v1/instances/${name}`, instanceOf(of));
  t.equal((await put('cart-1', 'cart.shop')).status, 201);
  t.match(await put('cart-2', 'pay.bank'), { status: 403, body: { detail: /no instance of its own service/ } });
  t.equal((await put('pay-1', 'cart.shop')).status, 403, 'nor takes it one of another');
  t.equal((await plane.as('workload', 'DELETE', '/v1/instances/pay-1')).status, 403);
  t.equal((await plane.as('workload', 'DELETE', '/v1/instances/cart-1')).status, 200);
});

import t from 'tap';
import type { DiscoveryClient, WireHello, WireUpdate } from '../../../shared/discovery/discovery.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { until } from '../../harness/until.ts';
import { helloOf } from '../sidecar.ts';
import { accessYaml, type GuardedPlane, hashOf, pushClient, startGuardedPlane, tokens } from './guarded-plane.ts';

const cart = { kind: 'Service', name: 'cart.shop', spec: { protocol: 'http1' } };
const twins = `
tokens:
  - { name: cart, sha256: ${hashOf(tokens.workload)}, role: workload, services: ["*.shop"] }
  - { name: twin, sha256: ${hashOf('twin-token-0123456789')}, role: workload, services: ["*.shop"] }
  - { name: admin, sha256: ${hashOf(tokens.admin)}, role: admin }
`;

const evilToken = 'evil-token-0123456789';
const neighbours = `
tokens:
  - { name: cart, sha256: ${hashOf(tokens.workload)}, role: workload, services: [cart.shop] }
  - { name: evil, sha256: ${hashOf(evilToken)}, role: workload, services: ["*.dev"] }
  - { name: editor, sha256: ${hashOf(tokens.editor)}, role: editor, namespaces: [shop, dev] }
  - { name: admin, sha256: ${hashOf(tokens.admin)}, role: admin }
`;

class Stream {
  readonly updates: WireUpdate[] = [];
  ended: grpc.ServiceError | null = null;

  readonly leave: () => void;

  constructor(client: DiscoveryClient, hello: Partial<WireHello>) {
    const stream = client.stream();
    this.leave = () => stream.cancel();
    stream.on('data', (update: WireUpdate) => {
      this.updates.push(update);
      stream.write({ ack: { revision: update.revision, rejected: [] } });
    });
    stream.on('error', (error: grpc.ServiceError) => {
      this.ended = error;
    });
    stream.write({ hello: { ...helloOf('cart-1'), service: 'cart.shop', ...hello } });
  }

  async isUp(): Promise<boolean> {
    return until(() => this.updates.length > 0);
  }

  /** What the control plane ended it with. */
  end(): Promise<grpc.ServiceError> {
    return until(() => this.ended);
  }
}

const openAs = (t: Tap, plane: GuardedPlane, token: string, hello: Partial<WireHello> = {}) =>
  new Stream(pushClient(t, plane.push, { token }), hello);
type Tap = Parameters<typeof pushClient>[0];

t.test('a stream is of a service that its identity may be', async (t) => {
  const plane = await startGuardedPlane(t);
  for (const service of ['pay.bank', 'cart', '']) {
    const { code, details } = await openAs(t, plane, tokens.workload, { service }).end();
    t.equal(code, grpc.status.PERMISSION_DENIED, service);
    t.equal(details, `the token "cart" may not be the service "${service}"`);
  }
  t.ok(await openAs(t, plane, tokens.workload).isUp());
});

t.test('nobody takes over the stream or the instance of another identity', async (t) => {
  const plane = await startGuardedPlane(t);
  plane.rewrite(twins);
  await until(() => plane.logged.some((line) => /read again/.test(line)));
  const mine = openAs(t, plane, tokens.workload);
  await mine.isUp();
  const { code, details } = await openAs(t, plane, 'twin-token-0123456789').end();
  t.equal(code, grpc.status.PERMISSION_DENIED);
  t.match(details, 'the sidecar "cart-1" is connected with another identity');
  t.equal(mine.ended, null);
  const again = openAs(t, plane, tokens.workload);
  await again.isUp();
  t.equal((await mine.end()).code, grpc.status.ABORTED, 'its own it replaces');

  const bank = { kind: 'Service', name: 'pay.bank', spec: { protocol: 'http1' } };
  const pay = { kind: 'Instance', name: 'pay-1', spec: { service: 'pay.bank', address: '127.0.0.1', port: 1 } };
  await plane.as('admin', 'POST', '/v1/apply', { resources: [bank, pay] });
  const thief = await openAs(t, plane, tokens.workload, { sidecar: 'pay-1' }).end();
  t.equal(thief.code, grpc.status.PERMISSION_DENIED, 'the name of an instance elsewhere is not free');
});

t.test('nobody registers an instance by the name of a sidecar that is connected with another identity', async (t) => {
  const plane = await startGuardedPlane(t);
  plane.rewrite(neighbours);
  await until(() => plane.logged.some((line) => /read again/.test(line)));
  const gateway = () => openAs(t, plane, tokens.workload, { sidecar: 'gateway-1' });
  const mine = gateway();
  await mine.isUp();
  const instanceOf = (service: string, name = 'gateway-1') => ({
    kind: 'Instance',
    name,
    spec: { service, address: '127.0.0.1', port: 1 },
  });
  const evil = pushClient(t, plane.push, { token: evilToken });
  const register = (document: object) =>
    new Promise<grpc.ServiceError | null>((resolve) =>
      evil.register({ document: Buffer.from(JSON.stringify(document)) }, resolve),
    );
  const why = /"name" of Instance\/gateway-1 .* connected with another identity; choose another/;
  t.match(await register(instanceOf('evil.dev')), { code: grpc.status.PERMISSION_DENIED, details: why });
  t.equal(await register(instanceOf('evil.dev', 'evil-1')), null, 'while other names are free');
  const put = (who: 'editor' | 'admin', service: string) =>
    plane.as(who, 'PUT', '/v1/instances/gateway-1', instanceOf(service));
  t.match(await put('editor', 'evil.dev'), {
    status: 403,
    body: { type: '/docs#problem-forbidden', detail: why },
  });
  const again = gateway();
  t.ok(await again.isUp(), 'so it can come back');
  await plane.as('admin', 'PUT', '/v1/services/cart.shop', cart);
  t.equal((await put('editor', 'cart.shop')).status, 201, 'an instance of the service that the sidecar is of');
  t.equal((await put('editor', 'evil.dev')).status, 403, 'which stays of that service');
  t.equal((await put('admin', 'evil.dev')).status, 200, 'unless an admin says otherwise');
});

t.test('the name is free again when the stream is gone', async (t) => {
  const plane = await startGuardedPlane(t);
  plane.rewrite(twins);
  await until(() => plane.logged.some((line) => /read again/.test(line)));
  const mine = openAs(t, plane, tokens.workload);
  await mine.isUp();
  mine.leave();
  await until(async () => (await plane.as('admin', 'GET', '/v1/status')).body.sidecars.connected === 0);
  t.ok(await openAs(t, plane, 'twin-token-0123456789').isUp());
});

t.test('a new access file ends streams and watches that lost their right, and keeps the others', async (t) => {
  const plane = await startGuardedPlane(t);
  await plane.as('admin', 'PUT', '/v1/services/cart.shop', cart);
  const workload = openAs(t, plane, tokens.workload);
  const admin = openAs(t, plane, tokens.admin, { sidecar: 'of-admin' });
  await Promise.all([workload.isUp(), admin.isUp()]);
  const watch = await fetch(`${plane.url}/v1/services?watch=true`, {
    headers: { authorization: `Bearer ${tokens.reader}` },
  });
  const reader = watch.body!.getReader();
  await reader.read();

  plane.rewrite('tokens: [{ name: none');
  await until(() => plane.logged.some((line) => /the new access file cannot be used, the last one stays/.test(line)));
  t.equal(workload.ended, null);
  t.equal((await plane.as('reader', 'GET', '/v1/services')).status, 200);
  t.match((await plane.as('reader', 'GET', '/metrics')).body, 'meshlane_control_plane_files_stale 1');

  plane.rewrite(accessYaml.replace(/.*name: (reader|cart),.*\n/g, ''));
  t.equal((await workload.end()).code, grpc.status.PERMISSION_DENIED);
  await t.rejects(async () => {
    while (!(await reader.read()).done);
  }, 'the watch is cut');
  t.equal((await plane.as('reader', 'GET', '/v1/services')).status, 401);
  t.equal((await plane.as('admin', 'GET', '/v1/services')).status, 200);
  t.equal(admin.ended, null);
});

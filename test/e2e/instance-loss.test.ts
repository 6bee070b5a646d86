import t, { type Test } from 'tap';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import {
  type App,
  acquaint,
  type PlaneProcess,
  type SidecarProcess,
  startApp,
  startPlane,
  startSidecar,
} from './mesh.ts';
import { type SteadyLoad, steadyLoad } from './steady-load.ts';

const leaseSeconds = 2;

/** Numbers of the requests that an application began or has done, as it wrote them. */
function idsOf(app: App, word: 'begun' | 'done'): string[] {
  return [...app.output().matchAll(new RegExp(`^${word} (\\S+)$`, 'gm'))].map((match) => match[1]!);
}

type Shop = {
  readonly plane: PlaneProcess;
  readonly caller: SidecarProcess;
  readonly apps: App[];
  readonly sidecars: SidecarProcess[];
  readonly reads: SteadyLoad;
  readonly orders: SteadyLoad;
};

/** Two instances of product, and callers that read and, at the same time, order; every order takes a while. */
async function startShop(t: Test): Promise<Shop> {
  const state = tempFolder(t);
  const plane = await startPlane(t, 'sqlite::memory:');
  const apps = await Promise.all([startApp(t, 'product-1'), startApp(t, 'product-2')]);
  const more = ['--lease', String(leaseSeconds)];
  const mesh = { push: plane.push, state };
  const [caller, ...sidecars] = await Promise.all([
    startSidecar(t, { ...mesh, name: 'caller', service: 'caller' }),
    ...apps.map((app, i) => startSidecar(t, { ...mesh, name: `product-${i + 1}`, service: 'product', app, more })),
  ]);
  await acquaint(caller!, 'product', 2);
  const port = caller!.outbound;
  const order = { host: 'product', method: 'POST', headers: { 'x-wait-ms': '50' } };
  const reads = steadyLoad(t, { port, question: { host: 'product' }, perSecond: 150 });
  const orders = steadyLoad(t, { port, question: order, perSecond: 80, connections: 6 });
  await until(() => areServing(['product-1', 'product-2'], reads, orders), { what: 'answers of both instances' });
  return { plane, caller: caller!, apps, sidecars, reads, orders };
}

async function instancesAt(sidecar: SidecarProcess): Promise<string[]> {
  const { resources } = await sidecar.snapshot();
  return resources.filter(({ kind }) => kind === 'Instance').map(({ name }) => name);
}

function areServing(names: readonly string[], ...loads: readonly SteadyLoad[]): boolean {
  return loads.every(({ answered }) => names.every((name) => (answered.get(name) ?? 0) >= 20));
}

/** Goes on until each load had so many more requests, so that the time after an event is looked at as well. */
async function carryOn(count: number, ...loads: readonly SteadyLoad[]): Promise<void> {
  const wanted = loads.map(({ total }) => total + count);
  await until(() => loads.every(({ total }, i) => total >= wanted[i]!), { what: `${count} more requests` });
}

/** Waits until `app` is at an order, so that its end costs one. */
async function untilAtAnOrder({ orders }: Shop, app: App): Promise<void> {
  const isAtOne = () => {
    const done = new Set(idsOf(app, 'done'));
    return idsOf(app, 'begun').some((id) => id.startsWith(orders.prefix) && !done.has(id));
  };
  await until(isAtOne, { everyMs: 1, what: 'an order at the application' });
}

/** After one of two instances ended at once: nothing failed but orders that were on their way to it. */
function checkLosses(t: Test, { reads, orders }: Shop, left: App, goneMs: number): void {
  const { failures } = orders;
  t.strictSame(reads.failures, [], 'no GET failed');
  t.strictSame(
    failures.filter(({ why, sentMs }) => why !== '502 upstream_reset' || sentMs > goneMs),
    [],
    'only POSTs that were under way then failed, and say why',
  );
  t.ok(failures.length > 0, 'some were under way');
  const callers = failures.map(({ caller }) => caller);
  t.equal(new Set(callers).size, callers.length, 'each of those who order lost one at most');
  const seenElsewhere = new Set(idsOf(left, 'begun'));
  t.strictSame(
    failures.filter(({ id }) => seenElsewhere.has(id)),
    [],
    'none of the POSTs that failed was tried at the other instance',
  );
}

function checkNothingTwice(t: Test, { apps, orders }: Shop): void {
  const begun = apps.flatMap((app) => idsOf(app, 'begun')).filter((id) => id.startsWith(orders.prefix));
  t.equal(new Set(begun).size, begun.length, 'no POST came to an application twice');
}

t.test('kill -9 of an application costs at most the POSTs that were under way to it, until it is back', async (t) => {
  const shop = await startShop(t);
  const { apps, reads, orders } = shop;
  await untilAtAnOrder(shop, apps[0]!);
  await apps[0]!.kill9();
  const goneMs = performance.now();
  await carryOn(200, reads, orders);
  const before = reads.answered.get('product-1')!;
  await startApp(t, 'product-1', { port: apps[0]!.port });
  await until(() => reads.answered.get('product-1')! > before + 20, { what: 'answers of the one that came back' });
  await Promise.all([reads.stop(), orders.stop()]);
  checkLosses(t, shop, apps[1]!, goneMs);
  checkNothingTwice(t, shop);
  t.comment(`${orders.failures.length} of ${orders.total} POSTs and none of ${reads.total} GETs failed`);
});

t.test('kill -9 of a sidecar costs at most the POSTs that were under way to it, and its lease ends', async (t) => {
  const shop = await startShop(t);
  const { plane, caller, apps, sidecars, reads, orders } = shop;
  await untilAtAnOrder(shop, apps[0]!);
  await sidecars[0]!.kill9();
  const goneMs = performance.now();
  const names = async () => {
    const { body } = await plane.call('GET', '/v1/instances');
    return body.items.map(({ name }: { name: string }) => name);
  };
  t.strictSame(await names(), ['product-1', 'product-2'], 'its lease still runs');
  await until(async () => (await names()).length === 1, { what: 'the end of the lease' });
  const seconds = (performance.now() - goneMs) / 1000;
  t.ok(seconds < leaseSeconds + 2, `it left ${seconds.toFixed(1)} s later`);
  t.strictSame(await names(), ['product-2']);
  await until(async () => (await instancesAt(caller)).join() === 'product-2', { what: 'its end at the caller' });
  await carryOn(50, reads, orders);
  await Promise.all([reads.stop(), orders.stop()]);
  checkLosses(t, shop, apps[1]!, goneMs);
  checkNothingTwice(t, shop);
  t.comment(`${orders.failures.length} of ${orders.total} POSTs and none of ${reads.total} GETs failed`);
});

t.test('a sidecar that is asked to end costs nothing, and one that comes back serves again', async (t) => {
  const shop = await startShop(t);
  const { plane, caller, apps, sidecars, reads, orders } = shop;
  t.strictSame(await sidecars[0]!.stop(), { code: 0, signal: null });
  t.strictSame(await instancesAt(caller), ['product-2'], 'it has left the mesh by its end');
  await carryOn(50, reads, orders);
  const before = reads.answered.get('product-1')!;
  await startSidecar(t, {
    push: plane.push,
    state: tempFolder(t),
    name: 'product-1',
    service: 'product',
    app: apps[0]!,
  });
  await until(() => reads.answered.get('product-1')! > before + 20, { what: 'answers of the one that came back' });
  await Promise.all([reads.stop(), orders.stop()]);
  t.strictSame(reads.failures, [], 'no GET failed');
  t.strictSame(orders.failures, [], 'no POST failed');
  checkNothingTwice(t, shop);
});

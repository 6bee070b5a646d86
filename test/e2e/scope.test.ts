import t from 'tap';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { Caller } from './caller.ts';
import { type SidecarProcess, startApp, startPlane, startSidecar } from './mesh.ts';

/** A mesh in which sidecars are told of the instances of the services that they call. */

/** Names of the instances that a sidecar was told of. */
async function instancesAt(sidecar: SidecarProcess): Promise<readonly string[]> {
  const { resources } = await sidecar.snapshot();
  return resources.filter(({ kind }) => kind === 'Instance').map(({ name }) => name);
}

t.test('a sidecar gets the instances of whom it calls, and no request fails for that', async (t) => {
  const state = tempFolder(t);
  const plane = await startPlane(t, 'sqlite::memory:');
  const names = ['product', 'cart', 'order'];
  const mesh = { push: plane.push, state };
  const caller = await startSidecar(t, { ...mesh, name: 'caller', service: 'caller' });
  await Promise.all(
    names.map(async (name) => {
      const app = await startApp(t, name);
      await startSidecar(t, { ...mesh, name: `${name}-1`, service: name, app });
    }),
  );
  const isThere = async () => (await plane.call('GET', '/v1/instances')).body.items.length === names.length;
  await until(isThere, { what: 'all instances' });
  const isTold = async () => (await caller.snapshot()).resources.filter(({ kind }) => kind === 'Service').length === 3;
  await until(isTold, { what: 'all services at the caller' });
  t.strictSame(await instancesAt(caller), [], 'nobody was called yet');

  const first = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const asker = new Caller(caller.outbound);
      const answer = await asker.ask({ host: 'product' });
      asker.close();
      return answer.from;
    }),
  );
  t.strictSame([...new Set(first)], ['product']);
  t.strictSame(await instancesAt(caller), ['product-1']);

  const asker = new Caller(caller.outbound);
  t.teardown(() => asker.close());
  t.equal((await asker.ask({ host: 'cart' })).from, 'cart');
  t.strictSame((await instancesAt(caller)).toSorted(), ['cart-1', 'product-1']);

  await caller.stop();
  await plane.kill9();
  const again = await startSidecar(t, { ...mesh, name: 'caller', service: 'caller' });
  const late = new Caller(again.outbound);
  t.teardown(() => late.close());
  t.equal((await late.ask({ host: 'cart' })).from, 'cart', 'what it called before it knows by itself');
  await until(async () => (await late.ask({ host: 'order' })).from === 'endpoints_unknown');
});

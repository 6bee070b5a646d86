import t from 'tap';
import { takeBodies } from '../../../controlplane/api/body.ts';
import { addHistoryRoutes } from '../../../controlplane/api/history-routes.ts';
import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import type { Change } from '../../../controlplane/catalog/change.ts';
import { Writer } from '../../../controlplane/catalog/writer.ts';
import { History } from '../../../controlplane/history/history.ts';
import { Registry } from '../../../controlplane/registry/registry.ts';
import { fanOut } from '../../../controlplane/store/fan-out.ts';
import { follow } from '../../../controlplane/store/follow.ts';
import { openSqlite } from '../../../controlplane/store/sqlite.ts';
import type { Operation, Store } from '../../../controlplane/store/store.ts';
import { newHttpServer } from '../../../shared/http/fastify.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import type { Owner } from '../../harness/owner.ts';
import { callApi } from '../plane.ts';

const silent = { info: () => undefined, warn: () => undefined };

/** The routes of the history, and places where the test may do something while they are at work. */
async function startRoutes(t: Owner) {
  const store = openSqlite(':memory:', systemClock);
  const before = { get: async () => {}, commit: async () => {} };
  const rollbackWaits = Promise.withResolvers<void>();
  const held: Store = Object.assign(Object.create(store) as Store, {
    get: async (key: string) => {
      await before.get();
      return store.get(key);
    },
    commit: async (operations: readonly Operation[]) => {
      await before.commit();
      return store.commit(operations);
    },
    list: (prefix: string) => store.list(prefix),
    watch: (...args: Parameters<Store['watch']>) => store.watch(...args),
  });
  const catalog = new Catalog(silent);
  const history = new History(held);
  const following = await follow(held, fanOut(history, catalog), silent);
  const registry = new Registry(catalog, new Writer(catalog, held, history, systemClock), held, systemClock, silent);
  const observed = Object.assign(Object.create(registry) as Registry, {
    apply: (...args: Parameters<Registry['apply']>) => {
      const outcome = registry.apply(...args);
      rollbackWaits.resolve();
      return outcome;
    },
  });
  const server = newHttpServer({});
  takeBodies(server);
  addHistoryRoutes(server, catalog, observed, history);
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(async () => {
    await server.close();
    registry.close();
    following.close();
    await store.close();
  });
  const write = async (...changes: Change[]) => {
    const outcome = await registry.apply(changes);
    if (!outcome.ok) throw new Error(outcome.refusal.detail);
    return outcome.revision;
  };
  return {
    before,
    /** Resolves when the first rollback is in the queue of writes. */
    rollbackWaits: rollbackWaits.promise,
    catalog,
    write,
    labelsOf: (name: string) => catalog.get(`Service/${name}`)?.labels,
    rollBack: (revision: number) => callApi(url, 'POST', '/v1/rollback', { revision }),
    lastChanges: async () => (await history.get(history.list(1)[0]!.revision))!.changes,
  };
}

const put = (name: string, labels = {}): Change => ({
  type: 'put',
  document: { kind: 'Service', name, labels, spec: {} },
});

/** Does it when first asked. */
function once(act: () => Promise<unknown>): () => Promise<void> {
  let isDone = false;
  return async () => {
    if (isDone) return;
    isDone = true;
    await act();
  };
}

t.test('what is written while a rollback is decided is taken back with the rest', async (t) => {
  const { before, write, labelsOf, rollBack, lastChanges } = await startRoutes(t);
  const revision = await write(put('a'), put('b'));
  await write(put('a', { v: '2' }));
  before.get = once(() => write(put('a', { v: '3' }), put('b', { v: '3' }), put('late')));
  t.match(await rollBack(revision), { status: 200, body: { kept: [] } });
  t.same([labelsOf('a'), labelsOf('b'), labelsOf('late')], [{}, {}, undefined]);
  t.match(
    await lastChanges(),
    [
      { key: 'Service/a', before: { labels: { v: '3' } } },
      { key: 'Service/b', before: { labels: { v: '3' } } },
      { key: 'Service/late', before: {}, after: null },
    ],
    'and the history tells so',
  );
});

t.test('so is what is stored while a rollback waits for its turn', async (t) => {
  const { before, rollbackWaits, write, labelsOf, rollBack } = await startRoutes(t);
  const revision = await write(put('a'));
  await write(put('a', { v: '2' }), put('goes'));
  before.commit = once(() => rollbackWaits);
  const slow = write({ type: 'delete', kind: 'Service', name: 'goes' }, put('late'));
  t.equal((await rollBack(revision)).status, 200, 'though one of the services is gone already');
  await slow;
  t.same([labelsOf('a'), labelsOf('late')], [{}, undefined]);
});

t.test('a rollback that never catches up with the changes is refused', async (t) => {
  const { before, write, labelsOf, rollBack } = await startRoutes(t);
  const revision = await write(put('a'));
  await write(put('a', { v: '2' }));
  let writes = 0;
  before.get = async () => void (await write(put('busy', { v: String(++writes) })));
  t.match(await rollBack(revision), {
    status: 412,
    body: { type: '/docs#problem-stale', detail: /configuration changed .* try again/ },
  });
  t.same([labelsOf('a'), labelsOf('busy')], [{ v: '2' }, { v: String(writes) }], 'and nothing was done');
});

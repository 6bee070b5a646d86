import t from 'tap';
import { openStore } from '../../controlplane/store/open-store.ts';
import { systemClock } from '../../shared/time/clock.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { storeContract } from './store.contract.ts';

storeContract(t, async () => {
  const store = await openStore('sqlite::memory:', systemClock);
  return { store, close: () => store.close() };
});

t.test('a file that is reopened has everything, at the same revision, and counts on', async (t) => {
  const file = `${tempFolder(t)}/mesh.db`;
  const first = await openStore(`sqlite:${file}`, systemClock);
  await first.commit([{ type: 'put', key: 'Route/a', value: '1' }]);
  await first.commit([{ type: 'delete', key: 'Route/a' }]);
  await first.commit([{ type: 'put', key: 'Instance/b', value: '2', leaseSeconds: 60 }]);
  const before = await first.list('');
  await first.close();
  const second = await openStore(`sqlite:${file}`, systemClock);
  t.teardown(() => second.close());
  t.same(await second.list(''), before);
  const result = await second.commit([{ type: 'put', key: 'Route/a', value: '3' }]);
  t.match(result, { ok: true, revision: before.revision + 1 });
});

t.test('a second control plane on the same file is told so in one line', async (t) => {
  const file = `${tempFolder(t)}/mesh.db`;
  const store = await openStore(`sqlite:${file}`, systemClock);
  t.teardown(() => store.close());
  await t.rejects(openStore(`sqlite:${file}`, systemClock), /mesh\.db is in use by another control plane/);
});

t.test('a file that is no database is refused with its name', async (t) => {
  await t.rejects(
    openStore(`sqlite:${import.meta.filename}`, systemClock),
    /cannot use .*sqlite-store\.test\.ts as a store/,
  );
  await t.rejects(openStore('postgres://x', systemClock), /--store must be sqlite:FILE/);
  await t.rejects(openStore('etcd://nowhere', systemClock), /--store must be HOST:PORT/);
});

t.test('a watch from a revision whose changes are no longer kept ends with compacted', async (t) => {
  const store = await openStore('sqlite::memory:', systemClock);
  t.teardown(() => store.close());
  const { revision } = await store.list('');
  for (let i = 0; i < 1_001; i++) await store.commit([{ type: 'put', key: 'Route/a', value: `${i}` }]);
  const lost = await new Promise((resolve) =>
    store.watch('', revision + 1, { onChange: () => resolve('a change'), onLost: resolve }),
  );
  t.equal(lost, 'compacted');
});

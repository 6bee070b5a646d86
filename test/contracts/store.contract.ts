import type { Test } from 'tap';
import type { Operation, Store, StoreChange } from '../../controlplane/store/store.ts';
import { until } from '../harness/until.ts';

export type StoreUnderTest = { readonly store: Store; close(): Promise<void> };

const put = (key: string, value: string, more: { expected?: number; leaseSeconds?: number } = {}): Operation => ({
  type: 'put',
  key,
  value,
  ...more,
});

async function commit(store: Store, ...operations: Operation[]): Promise<number> {
  const result = await store.commit(operations);
  if (!result.ok) throw new Error('the commit was refused');
  return result.revision;
}

function follow(store: Store, prefix: string, from: number) {
  const changes: StoreChange[] = [];
  const lost: string[] = [];
  const { close } = store.watch(prefix, from, {
    onChange: (change) => changes.push(change),
    onLost: (reason) => lost.push(reason),
  });
  return { changes, lost, close };
}

const keysOf = (change: StoreChange) =>
  change.events.map((event) => (event.type === 'put' ? `+${event.entry.key}=${event.entry.value}` : `-${event.key}`));

/** What every store has to do. `open` gives an empty one each time. */
export function storeContract(t: Test, open: () => Promise<StoreUnderTest>): void {
  const test = (title: string, body: (t: Test, store: Store) => Promise<void>) =>
    t.test(title, async (t) => {
      const { store, close } = await open();
      t.teardown(close);
      await body(t, store);
    });

  test('a new key is read back with the revision of its commit as its own and as its creation', async (t, store) => {
    const revision = await commit(store, put('Route/a', 'one'));
    t.same(await store.get('Route/a'), { key: 'Route/a', value: 'one', revision, created: revision, lease: null });
    t.equal(await store.get('Route/b'), null);
  });

  test('each commit has a greater revision and a change keeps the creation', async (t, store) => {
    const first = await commit(store, put('Route/a', 'one'));
    const second = await commit(store, put('Route/a', 'two'));
    t.ok(second > first);
    t.match(await store.get('Route/a'), { value: 'two', revision: second, created: first });
  });

  test('a key that was deleted and put again is new', async (t, store) => {
    await commit(store, put('Route/a', 'one'));
    await commit(store, { type: 'delete', key: 'Route/a' });
    t.equal(await store.get('Route/a'), null);
    const again = await commit(store, put('Route/a', 'two'));
    t.match(await store.get('Route/a'), { revision: again, created: again });
  });

  test('a batch of puts and deletes has one revision', async (t, store) => {
    await commit(store, put('Route/old', 'x'));
    const revision = await commit(store, put('Route/a', '1'), put('Service/b', '2'), {
      type: 'delete',
      key: 'Route/old',
    });
    t.equal((await store.get('Route/a'))?.revision, revision);
    t.equal((await store.get('Service/b'))?.revision, revision);
    t.equal(await store.get('Route/old'), null);
    t.equal((await store.list('')).revision, revision);
  });

  test('a batch with one wrong expectation changes nothing', async (t, store) => {
    const revision = await commit(store, put('Route/a', '1'));
    const before = await store.list('');
    t.same(await store.commit([put('Route/new', 'x'), put('Route/a', '2', { expected: revision + 1000 })]), {
      ok: false,
    });
    t.same(await store.commit([put('Route/new', 'x'), { type: 'delete', key: 'Route/a', expected: revision - 1 }]), {
      ok: false,
    });
    t.same(await store.commit([put('Route/new', 'x'), put('Route/a', '2', { expected: 0 })]), { ok: false });
    t.same((await store.list('')).entries, before.entries);
    t.equal((await store.list('')).revision, before.revision);
  });

  test('expected 0 creates, the right revision updates and deletes', async (t, store) => {
    const created = await commit(store, put('Route/a', '1', { expected: 0 }));
    const updated = await commit(store, put('Route/a', '2', { expected: created }));
    await commit(store, { type: 'delete', key: 'Route/a', expected: updated });
    t.equal(await store.get('Route/a'), null);
  });

  test('deleting what is not there changes nothing', async (t, store) => {
    const before = await commit(store, put('Route/a', '1'));
    t.equal(await commit(store, { type: 'delete', key: 'Route/b' }), before);
  });

  test('of many writers that expect the same revision one wins', async (t, store) => {
    const revision = await commit(store, put('Route/a', '0'));
    const tries = Array.from({ length: 20 }, (_, i) => store.commit([put('Route/a', `${i}`, { expected: revision })]));
    t.equal((await Promise.all(tries)).filter((result) => result.ok).length, 1);
  });

  test('a list holds the keys with the prefix in order, and the revision it was read at', async (t, store) => {
    await commit(store, put('Route/b', '2'), put('Route/a', '1'), put('Routes/x', 'no'), put('Service/a', 'no'));
    const revision = await commit(store, put('Route/a-b', '3'));
    const listing = await store.list('Route/');
    t.same(
      listing.entries.map((entry) => entry.key),
      ['Route/a', 'Route/a-b', 'Route/b'],
    );
    t.equal(listing.revision, revision);
  });

  test('the keys alone are those of the list, with their revisions', async (t, store) => {
    await commit(store, put('Route/b', '2'), put('Service/a', 'no'));
    await commit(store, put('Route/a', '1', { leaseSeconds: 60 }));
    const { revision, entries } = await store.list('Route/');
    const keys = entries.map((entry) => ({ key: entry.key, revision: entry.revision }));
    t.same(await store.keys('Route/'), { revision, entries: keys });
  });

  test('a list of more than one page is whole', async (t, store) => {
    for (let batch = 0; batch < 12; batch++)
      await commit(store, ...Array.from({ length: 100 }, (_, i) => put(`Route/${batch}-${i}`, 'x'.repeat(100))));
    t.equal(new Set((await store.list('Route/')).entries.map((entry) => entry.key)).size, 1200);
    t.equal((await store.keys('Route/')).entries.length, 1200);
  });

  test('values keep every character', async (t, store) => {
    const value = JSON.stringify({ text: 'ä€𝄞 \u0000 "\\', list: [1, null] });
    await commit(store, put('Route/ä', value));
    t.equal((await store.get('Route/ä'))?.value, value);
  });

  test('a watch from the revision after a list sees every change once, in order, a batch as one', async (t, store) => {
    await commit(store, put('Route/a', '0'));
    const { revision } = await store.list('');
    await commit(store, put('Route/a', '1'));
    const watch = follow(store, '', revision + 1);
    t.teardown(watch.close);
    await commit(store, put('Route/a', '2'), put('Route/b', '2'));
    await commit(store, { type: 'delete', key: 'Route/a' });
    await until(() => watch.changes.length === 3, { what: 'three changes' });
    t.same(watch.changes.map(keysOf), [['+Route/a=1'], ['+Route/a=2', '+Route/b=2'], ['-Route/a']]);
    t.ok(watch.changes.every((change, i) => change.revision > (watch.changes[i - 1]?.revision ?? revision)));
    const [, second] = watch.changes;
    t.match(second?.events[0], { entry: { key: 'Route/a', revision: second?.revision } });
  });

  test('a watch sees only its prefix, and nothing after it is closed', async (t, store) => {
    const { revision } = await store.list('');
    const watch = follow(store, 'Route/', revision + 1);
    const all = follow(store, '', revision + 1);
    t.teardown(all.close);
    await commit(store, put('Service/a', '1'), put('Route/a', '1'));
    await until(() => watch.changes.length === 1, { what: 'the change' });
    t.same(watch.changes.map(keysOf), [['+Route/a=1']]);
    watch.close();
    await commit(store, put('Route/b', '1'));
    await until(() => all.changes.length === 2, { what: 'the change of the other watch' });
    t.equal(watch.changes.length, 1);
    t.same(watch.lost, []);
  });

  test('a key whose lease nobody renews is deleted, one that is renewed stays, and watchers see it', async (t, store) => {
    const { revision } = await store.list('');
    await commit(store, put('Instance/left', '1', { leaseSeconds: 1 }), put('Instance/kept', '1', { leaseSeconds: 1 }));
    const [kept, left] = (await store.list('Instance/')).entries;
    t.type(kept?.lease, 'string');
    t.match(await store.leaseTime(left!.lease!), { grantedMs: Number });
    const watch = follow(store, '', revision + 1);
    t.teardown(watch.close);
    const renew = setInterval(() => void store.keepAlive(kept!.lease!), 200);
    t.teardown(() => clearInterval(renew));
    await until(() => watch.changes.some((change) => keysOf(change).includes('-Instance/left')), {
      what: 'the expiry',
    });
    t.ok(await store.get('Instance/kept'));
    t.equal(await store.get('Instance/left'), null);
    t.equal(await store.keepAlive(left!.lease!), false);
    t.equal(await store.leaseTime(left!.lease!), null);
    t.equal(await store.keepAlive(kept!.lease!), true);
    const time = await store.leaseTime(kept!.lease!);
    t.ok(time && time.remainingMs > 0 && time.remainingMs <= time.grantedMs + 1_000, 'time is left');
  });

  test('a put without a lease takes the key off its lease', async (t, store) => {
    await commit(store, put('Instance/a', '1', { leaseSeconds: 1 }), put('Instance/b', '1', { leaseSeconds: 1 }));
    await commit(store, put('Instance/a', '2'));
    await until(async () => (await store.get('Instance/b')) === null, { what: 'the expiry of the other' });
    t.match(await store.get('Instance/a'), { value: '2', lease: null });
  });

  test('a closed store refuses', async (t, store) => {
    await store.close();
    await t.rejects(store.list(''), /closed/);
  });
}

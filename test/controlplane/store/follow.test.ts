import t from 'tap';
import { type FollowSink, follow } from '../../../controlplane/store/follow.ts';
import { meshKey, readMeshId } from '../../../controlplane/store/mesh-id.ts';
import { openStore } from '../../../controlplane/store/open-store.ts';
import type { Listing, Store, StoreChange, WatchSink } from '../../../controlplane/store/store.ts';
import type { Log } from '../../../observability/logging/log.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';

const idOf = (listing: Listing) => readMeshId(listing.entries.find(({ key }) => key === meshKey));

async function sqlite(t: Owner): Promise<Store> {
  const store = await openStore('sqlite::memory:', systemClock);
  t.teardown(() => store.close());
  return store;
}

/** A reader that notes what it is told. */
async function reader(t: Owner, store: Store, compareMs?: number) {
  const listings: (Listing & { isOtherStore: boolean })[] = [];
  const changes: StoreChange[] = [];
  const logged: string[] = [];
  const write = (message: string, data?: object) => void logged.push(`${message} ${JSON.stringify(data ?? {})}`);
  const log: Log = { info: write, warn: write };
  const sink: FollowSink = {
    onListing: (listing, { isOtherStore }) => listings.push({ ...listing, isOtherStore }),
    onChange: (change) => changes.push(change),
  };
  const following = await follow(store, sink, log, undefined, compareMs);
  t.teardown(() => following.close());
  return { listings, changes, logged, following };
}

/** A store whose parts can be taken away and changed while it is followed. */
function changeable(first: Store) {
  let store = first;
  let sink: WatchSink | null = null;
  let isDeaf = false;
  const watch: Store['watch'] = (prefix, from, to) => {
    sink = to;
    return store.watch(prefix, from, {
      ...to,
      onChange: (change) => {
        if (!isDeaf) to.onChange(change);
      },
    });
  };
  const current = new Proxy(first, {
    get: (_target, name: keyof Store) => {
      if (name === 'watch') return watch;
      const part = store[name];
      return typeof part === 'function' ? part.bind(store) : part;
    },
  });
  return {
    store: current,
    replace(next: Store) {
      store = next;
      sink?.onLost('disconnected', 'taken away by the test');
    },
    deafen(deaf: boolean) {
      isDeaf = deaf;
    },
  };
}

t.test('a store gets an id once, from whoever comes first', async (t) => {
  const store = await sqlite(t);
  const readers = await Promise.all([reader(t, store), reader(t, store), reader(t, store)]);
  const later = await reader(t, store);
  const ids = [...readers, later].map(({ listings }) => idOf(listings[0]!));
  t.equal(new Set(ids).size, 1);
  t.match(ids[0], /^[0-9a-f-]{36}$/);
  t.notOk(later.listings[0]?.isOtherStore);
});

t.test('an id that somebody broke by hand becomes what it was', async (t) => {
  const store = await sqlite(t);
  const { listings } = await reader(t, store, 100);
  await store.commit([{ type: 'put', key: meshKey, value: 'broken' }]);
  await until(() => listings.length === 2);
  t.equal(idOf(listings[1]!), idOf(listings[0]!));
  t.notOk(listings[1]?.isOtherStore);
});

t.test('a change that a watch lost is found by the comparison, told as a listing, counted and logged', async (t) => {
  const changing = changeable(await sqlite(t));
  const { store } = changing;
  await store.commit([{ type: 'put', key: 'Route/gone', value: '1' }]);
  const { listings, changes, logged, following } = await reader(t, store, 100);
  await until(() => following.problem === null);
  changing.deafen(true);
  await store.commit([{ type: 'put', key: 'Route/lost', value: '1' }]);
  await store.commit([{ type: 'delete', key: 'Route/gone' }]);
  changing.deafen(false);
  await store.commit([{ type: 'put', key: 'Route/seen', value: '1' }]);
  t.equal(changes.length, 1);
  await until(() => listings.length === 2, { what: 'the listing' });
  t.same(
    listings[1]?.entries.map(({ key }) => key).filter((key) => key !== meshKey),
    ['Route/lost', 'Route/seen'],
  );
  t.notOk(listings[1]?.isOtherStore);
  t.equal(following.differences, 2);
  t.ok(logged.some((line) => line.includes('listed again') && line.includes('Route/gone')));
  await store.commit([{ type: 'put', key: 'Route/after', value: '1' }]);
  await until(() => changes.length === 2, { what: 'the change after the repair' });
});

t.test('comparisons while changes come find nothing', async (t) => {
  const store = await sqlite(t);
  const { listings, changes, following } = await reader(t, store, 1);
  const keysAsked: number[] = [];
  const keys = store.keys.bind(store);
  store.keys = (prefix) => {
    keysAsked.push(changes.length);
    return keys(prefix);
  };
  for (let i = 0; i < 300; i++) {
    await store.commit([{ type: i % 3 ? 'put' : 'delete', key: `Route/${i % 7}`, value: `${i}` }]);
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  t.ok(keysAsked.length > 5, `${keysAsked.length} comparisons`);
  t.equal(following.differences, 0);
  t.equal(listings.length, 1);
});

t.test('a watch that breaks is taken up where it was, without a listing', async (t) => {
  const first = await sqlite(t);
  const changing = changeable(first);
  const { listings, changes, following } = await reader(t, changing.store);
  await until(() => following.problem === null);
  changing.replace(first);
  t.match(following.problem, /taken away by the test/);
  await first.commit([{ type: 'put', key: 'Route/a', value: '1' }]);
  await until(() => following.problem === null && changes.length === 1);
  t.equal(listings.length, 1);
});

t.test('another store in place of the first is told as such, even when it has a later revision', async (t) => {
  const changing = changeable(await sqlite(t));
  const { listings, logged } = await reader(t, changing.store);
  const other = await sqlite(t);
  for (let i = 0; i < 5; i++) await other.commit([{ type: 'put', key: 'Route/a', value: `${i}` }]);
  changing.replace(other);
  await until(() => listings.length === 2);
  t.ok(listings[1]!.revision > listings[0]!.revision);
  t.equal(listings[1]?.isOtherStore, true);
  t.not(idOf(listings[1]!), idOf(listings[0]!));
  t.ok(logged.some((line) => line.startsWith('the store is another one than before')));
});

t.test('the same mesh at an earlier revision is told as another store', async (t) => {
  const first = await sqlite(t);
  const changing = changeable(first);
  const { listings, following } = await reader(t, changing.store);
  for (let i = 0; i < 20; i++) await first.commit([{ type: 'put', key: 'Route/a', value: `${i}` }]);
  await until(() => following.problem === null);
  const restored = await sqlite(t);
  await restored.commit([{ type: 'put', key: meshKey, value: JSON.stringify({ id: idOf(listings[0]!) }) }]);
  await restored.commit([{ type: 'put', key: 'Route/a', value: 'old' }]);
  changing.replace(restored);
  await until(() => listings.length === 2, { what: 'the listing' });
  t.equal(listings[1]?.isOtherStore, true);
});

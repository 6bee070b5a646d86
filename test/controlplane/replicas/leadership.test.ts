import t, { type Test } from 'tap';
import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import { Leadership, leaderKey } from '../../../controlplane/leader/leadership.ts';
import { follow } from '../../../controlplane/store/follow.ts';
import { openStore } from '../../../controlplane/store/open-store.ts';
import { type Store, StoreUnavailable } from '../../../controlplane/store/store.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';

const silent = { info: () => undefined, warn: () => undefined };

/** Somebody who stands for the lead over a store that can be cut off. */
async function stand(t: Test, store: Store) {
  const state = { isCut: false };
  const reachable = <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) => {
    return async (...args: Args) => {
      if (state.isCut) throw new StoreUnavailable('cut off');
      return call(...args);
    };
  };
  const view: Store = Object.assign(Object.create(store) as Store, {
    commit: reachable((...args: Parameters<Store['commit']>) => store.commit(...args)),
    keepAlive: reachable((lease: string) => store.keepAlive(lease)),
    get: reachable((key: string) => store.get(key)),
    list: (prefix: string) => store.list(prefix),
    watch: (...args: Parameters<Store['watch']>) => store.watch(...args),
  });
  const catalog = new Catalog(silent);
  const following = await follow(view, catalog, silent);
  const leadership = new Leadership(catalog, view, systemClock, silent);
  t.teardown(async () => {
    await leadership.close();
    following.close();
  });
  await leadership.start();
  return { leadership, state };
}

const needsEtcd = await skipWithout('etcd');
const stores: [string, object, (t: Test) => Promise<string>][] = [
  ['SQLite', {}, async () => 'sqlite::memory:'],
  ['etcd', needsEtcd, async (t) => `etcd://${(await startEtcd(t)).address}/lead`],
];

for (const [name, options, nameOf] of stores)
  t.test(`the lead over ${name}`, options, async (t) => {
    const store = await openStore(await nameOf(t), systemClock);
    t.teardown(() => store.close());
    const first = await stand(t, store);
    const second = await stand(t, store);
    t.same([first.leadership.isLeader, second.leadership.isLeader], [true, false], 'is with who came first');

    await t.test('goes on when who had it cannot renew it, and never to two at once', async (t) => {
      first.state.isCut = true;
      let both = 0;
      const watch = setInterval(() => {
        if (first.leadership.isLeader && second.leadership.isLeader) both++;
      }, 1);
      await until(() => second.leadership.isLeader, { timeoutMs: 6_000 });
      clearInterval(watch);
      t.equal(both, 0);
      first.state.isCut = false;
      t.equal(first.leadership.isLeader, false);
    });

    await t.test('is lost with its entry', async (t) => {
      await store.commit([{ type: 'delete', key: leaderKey }]);
      await until(() => first.leadership.isLeader || second.leadership.isLeader);
      t.not(first.leadership.isLeader, second.leadership.isLeader);
    });

    await t.test('is handed on at the end', async (t) => {
      const [leader, other] = first.leadership.isLeader ? [first, second] : [second, first];
      await leader.leadership.close();
      t.equal(leader.leadership.isLeader, false);
      await until(() => other.leadership.isLeader, { timeoutMs: 2_000 });
    });
  });

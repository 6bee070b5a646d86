import t from 'tap';
import { openStore } from '../../../controlplane/store/open-store.ts';
import type { Store } from '../../../controlplane/store/store.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import type { Owner } from '../../harness/owner.ts';
import { skipWithout } from '../../harness/peers.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { startEtcd } from '../etcd.ts';
import { type Plane, startPlane } from '../plane.ts';
import { runCli } from '../run-cli.ts';

const needsEtcd = await skipWithout('etcd');

async function use<T>(name: string, act: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(name, systemClock);
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

/** 250 services, an instance with a lease, a history of 30 entries, and what control planes keep for themselves. */
async function filled(t: Owner): Promise<string> {
  const name = `sqlite:${tempFolder(t)}/mesh.db`;
  await use(name, async (store) => {
    for (let i = 0; i < 250; i++) await store.commit([{ type: 'put', key: `Service/s${i}`, value: `{"i":${i}}` }]);
    await store.commit([{ type: 'put', key: 'Instance/a', value: '{}', leaseSeconds: 600 }]);
    for (let i = 10; i < 40; i++) await store.commit([{ type: 'put', key: `history/${i}`, value: `ä${i}` }]);
    await store.commit([{ type: 'put', key: 'meta/mesh', value: '{"id":"old"}' }]);
  });
  return name;
}

const migrate = (...args: string[]) => runCli(['store', 'migrate', ...args]);
const contentOf = (name: string) =>
  use(name, async (store) => {
    const { entries } = await store.list('');
    return entries
      .filter(({ key }) => !key.startsWith('meta/'))
      .map(({ key, value, lease }) => [key, value, lease !== null]);
  });

t.test('a store in etcd', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);
  const from = await filled(t);

  t.test('gets all that a file holds, and gives it back', async (t) => {
    const to = `etcd://${address}/there`;
    const there = await migrate(from, to);
    t.match(there, { code: 0, stderr: '', stdout: /^281 entries copied; both stores hold the same:\n/ });
    t.match(there.stdout, /Service +250\n +history +30\n/);
    t.same(await contentOf(to), await contentOf(from));
    await use(to, async (store) => {
      const history = (await store.list('history/')).entries.map(({ revision }) => revision);
      t.equal(new Set(history).size, 30, 'each entry of the history has a revision of its own');
      t.same(
        history,
        [...history].sort((a, b) => a - b),
        'and they are in order',
      );
      const lease = (await store.get('Instance/a'))?.lease ?? '';
      t.match(await store.leaseTime(lease), { grantedMs: 600_000 }, 'the lease is granted anew');
      t.equal(await store.get('meta/mesh'), null, 'the copy gets an id of its own');
      t.equal(await store.get('meta/migration'), null);
    });
    const back = `sqlite:${tempFolder(t)}/copy.db`;
    const json = await migrate(to, back, '-o', 'json');
    t.match(JSON.parse(json.stdout), { from: to, to: back, copied: 281, unchanged: 0, entries: { Service: 250 } });
    t.same(await contentOf(back), await contentOf(from));
  });

  t.test('has the history of the configuration that the file had', async (t) => {
    const file = `sqlite:${tempFolder(t)}/history.db`;
    const [old, copy] = [await startPlane(t, { store: file }), `etcd://${address}/history`];
    for (const name of ['a', 'b', 'a', 'c']) await old.call('PUT', `/v1/services/${name}`, { labels: { name } });
    await old.call('DELETE', '/v1/services/b');
    const summaries = async (plane: Plane) =>
      (await plane.call('GET', '/v1/history')).body.items.map(
        ({ revision: _revision, ...item }: { revision: number }) => item,
      );
    const before = await summaries(old);
    t.equal(before.length, 4);
    await old.close();
    t.match(await migrate(file, copy), { code: 0, stderr: '' });
    const plane = await startPlane(t, { store: copy });
    t.same(await summaries(plane), before);
    const { items } = (await plane.call('GET', '/v1/history')).body;
    t.match(await plane.call('GET', `/v1/history/${items[0].revision}`), { status: 200 });
  });

  t.test('that is not empty is left alone unless it may be replaced', async (t) => {
    const to = `etcd://${address}/used`;
    await use(to, (store) => store.commit([{ type: 'put', key: 'Route/mine', value: '1' }]));
    const refused = await migrate(from, to);
    t.match(refused, { code: 1, stdout: '', stderr: /is not empty, it has 1 entries; replace them with --overwrite/ });
    t.same(await contentOf(to), [['Route/mine', '1', false]]);
    t.match(await migrate(from, to, '--overwrite'), { code: 0, stdout: /^281 entries copied, 1 removed;/ });
    t.same(await contentOf(to), await contentOf(from));
  });

  t.test('that holds a part of the same copy gets the rest', async (t) => {
    const to = `etcd://${address}/part`;
    await use(to, async (store) => {
      await store.commit([
        { type: 'put', key: 'meta/migration', value: JSON.stringify({ from, phase: 'copying' }) },
        { type: 'put', key: 'Service/s0', value: '{"i":0}' },
        { type: 'put', key: 'Service/s1', value: 'of before' },
        { type: 'put', key: 'Service/gone', value: '{}' },
      ]);
    });
    t.match(await migrate(`sqlite:${tempFolder(t)}/none.db`, to), { code: 2, stderr: /FROM: there is no file/ });
    t.match(await migrate(from, to), {
      code: 0,
      stdout: /^280 entries copied, 1 were there from an earlier run, 1 removed;/,
    });
    t.same(await contentOf(to), await contentOf(from));
  });
});

t.test('what cannot be copied is told in a line', async (t) => {
  const from = await filled(t);
  const file = `sqlite:${tempFolder(t)}/other.db`;
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [[], 2, /FROM and TO are required/],
    [[from], 2, /FROM and TO are required/],
    [[from, from], 2, /FROM and TO are both sqlite:/],
    [[from, 'postgres://a'], 1, /TO must be sqlite:FILE/],
    [['etcd://nowhere', file], 1, /FROM must be HOST:PORT/],
    [[from, 'sqlite::memory:'], 2, /keeps nothing/],
    [[from, 'etcd://127.0.0.1:1'], 1, /ECONNREFUSED/],
    [[from, file, '--store-user', 'a'], 1, /--store-user is for etcd only/],
  ];
  for (const [args, code, stderr] of cases) {
    const done = await migrate(...args);
    t.match(done, { code, stdout: '', stderr }, args.join(' '));
    t.equal(done.stderr.trim().split('\n').length, 1, 'one line');
  }
});

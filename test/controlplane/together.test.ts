import t from 'tap';
import { Catalog } from '../../controlplane/catalog/catalog.ts';
import { Writer } from '../../controlplane/catalog/writer.ts';
import { History } from '../../controlplane/history/history.ts';
import { fanOut } from '../../controlplane/store/fan-out.ts';
import { follow } from '../../controlplane/store/follow.ts';
import { openStore } from '../../controlplane/store/open-store.ts';
import type { Operation, Store } from '../../controlplane/store/store.ts';
import { BatchTooLarge } from '../../controlplane/store/store.ts';
import { systemClock } from '../../shared/time/clock.ts';
import type { Owner } from '../harness/owner.ts';

const silent = { info: () => undefined, warn: () => undefined };

/** A writer over a store whose commits are counted, and may be answered by the test. */
async function startWriter(t: Owner, answer?: (operations: readonly Operation[]) => Error | 'outrun' | null) {
  const store = await openStore('sqlite::memory:', systemClock);
  const commits: string[][] = [];
  const counted: Store = Object.assign(Object.create(store) as Store, {
    commit: async (operations: readonly Operation[]) => {
      const said = answer?.(operations) ?? null;
      if (said instanceof Error) throw said;
      if (said === 'outrun') {
        await store.commit([{ type: 'put', key: 'meta/writer', value: 'another replica' }]);
        return { ok: false as const };
      }
      commits.push(operations.map(({ key }) => key).filter((key) => !/^(meta|history)\//.test(key)));
      return store.commit(operations);
    },
    list: (prefix: string) => store.list(prefix),
    watch: (...args: Parameters<Store['watch']>) => store.watch(...args),
  });
  const catalog = new Catalog(silent);
  const history = new History(counted);
  const following = await follow(counted, fanOut(history, catalog), silent);
  t.teardown(async () => {
    following.close();
    await store.close();
  });
  const writer = new Writer(catalog, counted, history, systemClock);
  await writer.apply([{ type: 'put', document: { kind: 'Service', name: 'echo', spec: {} } }]);
  commits.length = 0;
  return { writer, catalog, commits };
}

const register = (name: string, port: number) =>
  ({
    type: 'put',
    document: { kind: 'Instance', name, spec: { service: 'echo', address: '127.0.0.1', port } },
  }) as const;

t.test('registrations that wait together are one commit, and each has its own answer', async (t) => {
  const { writer, catalog, commits } = await startWriter(t);
  const names = Array.from({ length: 30 }, (_, i) => `echo-${i}`);
  const outcomes = await Promise.all([
    ...names.map((name, i) => writer.apply([register(name, 1000 + i)])),
    writer.apply([register('faulty', 99_999_999)]),
  ]);
  t.ok(commits.length <= 2, `${commits.length} commits`);
  t.equal(catalog.count('Instance'), names.length);
  for (const [i, name] of names.entries())
    t.match(outcomes[i], { ok: true, effects: [{ action: 'created', resource: { name } }] });
  t.match(outcomes.at(-1), { ok: false, refusal: { code: 'invalid' } });
});

t.test('writes of the same resource keep their order, and each has a commit', async (t) => {
  const { writer, catalog, commits } = await startWriter(t);
  const ports = [1001, 1002, 1003];
  const other = writer.apply([register('first', 1)]);
  const outcomes = await Promise.all([
    ...ports.map((port) => writer.apply([register('echo-1', port)])),
    writer.apply([{ type: 'delete', kind: 'Instance', name: 'echo-1' }, register('echo-2', 5)]),
    writer.apply([register('echo-2', 6)]),
  ]);
  await other;
  t.same(
    outcomes.map((outcome) => outcome.ok),
    [true, true, true, true, true],
  );
  t.equal(commits.filter((keys) => keys.includes('Instance/echo-1')).length, 4);
  t.equal(catalog.stored('Instance', 'echo-1'), undefined);
  t.match(catalog.stored('Instance', 'echo-2')?.resource.spec, { port: 6 });
});

t.test('whatever configures something has a revision of its own', async (t) => {
  const { writer, commits } = await startWriter(t);
  const route = (name: string) =>
    ({
      type: 'put',
      document: { kind: 'Route', name, spec: { rules: [{ backends: [{ service: 'echo' }] }] } },
    }) as const;
  const outcomes = await Promise.all([route('a'), route('b'), route('c')].map((change) => writer.apply([change])));
  t.same(commits, [['Route/a'], ['Route/b'], ['Route/c']]);
  t.equal(new Set(outcomes.map((outcome) => outcome.ok && outcome.revision)).size, 3);
});

t.test('no write answers for the size of those that came with it', async (t) => {
  const large = (operations: readonly Operation[]) => {
    const keys = operations.map(({ key }) => key);
    return keys.includes('Instance/large') ? new BatchTooLarge('it is too large') : null;
  };
  const { writer, catalog } = await startWriter(t, large);
  const first = writer.apply([register('first', 1)]);
  const [small, tooLarge] = await Promise.all([
    writer.apply([register('small', 2)]),
    writer.apply([register('large', 3)]),
  ]);
  await first;
  t.match(small, { ok: true });
  t.match(tooLarge, { ok: false, refusal: { code: 'too_large', detail: 'it is too large' } });
  t.ok(catalog.stored('Instance', 'small'));
});

t.test('a group that another replica outran is decided anew', async (t) => {
  let outruns = 2;
  const { writer, catalog } = await startWriter(t, (operations) =>
    operations.some(({ key }) => key.startsWith('Instance/')) && outruns-- > 0 ? 'outrun' : null,
  );
  const outcomes = await Promise.all(['a', 'b', 'c'].map((name, i) => writer.apply([register(name, i + 1)])));
  t.ok(outcomes.every(({ ok }) => ok));
  t.equal(catalog.count('Instance'), 3);
});

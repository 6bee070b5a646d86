import t from 'tap';
import { History } from '../../../controlplane/history/history.ts';
import { follow } from '../../../controlplane/store/follow.ts';
import { openSqlite } from '../../../controlplane/store/sqlite.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import type { Owner } from '../../harness/owner.ts';

const quiet = { info: () => undefined, warn: () => undefined };
const head = { at: '2026-01-01T00:00:00.000Z', by: 'ada', summary: 'created Service/a' };

async function startHistory(t: Owner) {
  const store = openSqlite(':memory:', systemClock);
  const history = new History(store);
  const following = await follow(store, history, quiet);
  t.teardown(async () => {
    following.close();
    await store.close();
  });
  const add = async (room = 100) => store.commit(await history.operations(head, [], room));
  return { store, history, add };
}

t.test('the last 1,000 entries stay, and going back further is refused', async (t) => {
  const { store, history, add } = await startHistory(t);
  for (let i = 0; i < 1_010; i++) t.ok((await add()).ok);
  const items = history.list(2_000);
  t.equal(items.length, 1_000);
  t.equal((await store.list('history/')).entries.length, 1_000);
  const oldest = items.at(-1)!.revision;
  t.same(await history.between(oldest, Number.POSITIVE_INFINITY), []);
  await t.rejects(history.between(oldest - 1, oldest + 1), { message: /begins at revision/ });
});

t.test('an entry alone fits where a batch has no more room', async (t) => {
  const { history, add } = await startHistory(t);
  for (let i = 0; i < 1_000; i++) await add();
  t.equal((await history.operations(head, [], 1)).length, 1);
  await add(1);
  t.equal((await history.operations(head, [], 100)).length, 3, 'and the next write removes two');
});

t.test('an entry that somebody broke by hand is a gap, and the next ones are written', async (t) => {
  const { store, history, add } = await startHistory(t);
  for (let i = 0; i < 3; i++) await add();
  const [, second] = history.list(3);
  await store.commit([{ type: 'put', key: 'history/000000000003', value: 'broken' }]);
  t.ok((await add()).ok);
  t.equal(history.list(10).length, 3);
  await t.rejects(history.between(second!.revision, Number.POSITIVE_INFINITY), { message: /gap/ });
});

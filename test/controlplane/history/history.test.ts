import { join } from 'node:path';
import t from 'tap';
import { tempFolder } from '../../harness/temp-folder.ts';
import { echo, echo1, type Plane, startPlane, toEcho } from '../plane.ts';

const revisionOf = async (answer: ReturnType<Plane['call']>) => Number((await answer).headers['x-meshlane-revision']);

t.test('each change of the configuration is in the history, newest first, and registrations are not', async (t) => {
  const plane = await startPlane(t);
  const first = await revisionOf(
    plane.call('POST', '/v1/apply', { resources: [echo, { ...toEcho, kind: 'Route', name: 'r' }] }),
  );
  await plane.call('PUT', '/v1/instances/echo-1', echo1);
  const second = await revisionOf(plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { v: '2' } }));
  await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { v: '2' } });
  const third = await revisionOf(plane.call('DELETE', '/v1/routes/r'));
  const { body } = await plane.call('GET', '/v1/history');
  t.match(body.items, [
    { revision: third, by: 'anonymous', summary: 'removed Route/r' },
    { revision: second, summary: 'changed Route/r' },
    { revision: first, summary: 'created Service/echo, Route/r', at: /^\d{4}-\d\d-\d\dT.*Z$/ },
  ]);
  t.equal(body.items.length, 3, 'what changes nothing is no change');
  const { body: entry } = await plane.call('GET', `/v1/history/${second}`);
  t.match(entry, {
    revision: second,
    changes: [{ action: 'changed', key: 'Route/r', before: { labels: {} }, after: { labels: { v: '2' } } }],
  });
  t.notOk('revision' in entry.changes[0].after, 'only what people decide is kept');
  t.equal((await plane.call('GET', `/v1/history/${second + 1_000}`)).status, 404);
  t.equal((await plane.call('GET', '/v1/history/newest')).status, 400);
});

t.test('pages of the history follow one another without a gap', async (t) => {
  const plane = await startPlane(t);
  for (let i = 0; i < 7; i++) await plane.call('PUT', `/v1/services/s${i}`, {});
  const seen: string[] = [];
  for (let before = ''; ; ) {
    const { body } = await plane.call('GET', `/v1/history?limit=3${before}`);
    seen.push(...body.items.map(({ summary }: { summary: string }) => summary));
    if (body.before === undefined) break;
    before = `&before=${body.before}`;
  }
  t.same(
    seen,
    [6, 5, 4, 3, 2, 1, 0].map((i) => `created Service/s${i}`),
  );
  for (const query of ['limit=0', 'before=x', 'after=3'])
    t.equal((await plane.call('GET', `/v1/history?${query}`)).status, 400);
});

t.test('two revisions are compared by resource and place, in either order', async (t) => {
  const plane = await startPlane(t);
  const from = await revisionOf(
    plane.call('POST', '/v1/apply', { resources: [echo, { ...toEcho, kind: 'Route', name: 'r' }] }),
  );
  await plane.call('PUT', '/v1/services/new', {});
  await plane.call('PUT', '/v1/routes/r', {
    spec: { hostnames: ['a.b'], rules: toEcho.spec.rules },
    labels: { 'a/b': '1' },
  });
  const to = await revisionOf(plane.call('PUT', '/v1/routes/s', toEcho));
  await plane.call('DELETE', '/v1/routes/s');
  const { body } = await plane.call('GET', `/v1/diff?from=${from}&to=${to}`);
  t.match(body, { from, to });
  t.match(body.resources, [
    {
      kind: 'Route',
      name: 'r',
      change: 'changed',
      changes: [
        { pointer: '/labels/a~1b', after: '1' },
        { pointer: '/spec/hostnames/0', before: '*', after: 'a.b' },
      ],
    },
    { kind: 'Route', name: 's', change: 'added', after: { name: 's' } },
    { kind: 'Service', name: 'new', change: 'added' },
  ]);
  const { body: back } = await plane.call('GET', `/v1/diff?from=${to}&to=${from}`);
  t.match(back.resources, [
    { change: 'changed' },
    { name: 's', change: 'removed' },
    { name: 'new', change: 'removed' },
  ]);
  const { body: now } = await plane.call('GET', `/v1/diff?from=${from}`);
  t.same(
    now.resources.map(({ name }: { name: string }) => name),
    ['r', 'new'],
    'what came and went is no difference',
  );
  t.match(await plane.call('GET', '/v1/diff?from=1'), { status: 404, body: { detail: /begins at revision/ } });
});

t.test('a rollback makes the configuration what it was, as one change of its own', async (t) => {
  const plane = await startPlane(t);
  const revision = await revisionOf(
    plane.call('POST', '/v1/apply', { resources: [echo, { ...toEcho, kind: 'Route', name: 'r' }] }),
  );
  await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { v: '2' } });
  await plane.call('PUT', '/v1/routes/later', toEcho);
  const { body: dry } = await plane.call('POST', '/v1/rollback?dryRun=true', { revision });
  t.match(dry, { dryRun: true, effects: [{ action: 'removed' }, { action: 'changed' }] });
  t.equal((await plane.call('GET', '/v1/routes/later')).status, 200);
  const done = await plane.call('POST', '/v1/rollback', { revision });
  t.match(done, { status: 200, body: { kept: [] } });
  t.same((await plane.call('GET', '/v1/routes/r')).body.labels, {});
  t.equal((await plane.call('GET', '/v1/routes/later')).status, 404);
  const { body } = await plane.call('GET', '/v1/history?limit=1');
  t.match(body.items[0], { revision: done.body.revision, note: `rolled back to revision ${revision}` });
  await plane.call('POST', '/v1/rollback', { revision: done.body.revision - 1 });
  t.same((await plane.call('GET', '/v1/routes/r')).body.labels, { v: '2' }, 'it can be taken back itself');
});

t.test('a rollback says why it cannot be, and changes nothing then', async (t) => {
  const plane = await startPlane(t);
  t.match(await plane.call('POST', '/v1/rollback', { revision: 1 }), { status: 404, body: { detail: /no history/ } });
  const alone = await revisionOf(plane.call('PUT', '/v1/services/a', {}));
  const both = await revisionOf(plane.call('PUT', '/v1/services/b', {}));
  await plane.call('PUT', '/v1/instances/b-1', { spec: { ...echo1.spec, service: 'b' } });
  const { body } = await plane.call('POST', '/v1/rollback', { revision: alone });
  t.same(body.kept, [{ kind: 'Service', name: 'b' }], 'a service with instances stays');
  for (const wrong of [{ revision: 'x' }, { revision: both + 1_000 }, {}, { revision: both, to: 1 }])
    t.equal((await plane.call('POST', '/v1/rollback', wrong)).status, 400);
  t.match(await plane.call('POST', '/v1/rollback', { revision: alone - 1 }), {
    status: 404,
    body: { detail: /begins at/ },
  });
});

t.test('the history survives a restart, and can still be gone back in', async (t) => {
  const store = `sqlite:${join(tempFolder(t), 'store')}`;
  const before = await startPlane(t, { store });
  const revision = await revisionOf(before.call('PUT', '/v1/services/a', {}));
  await before.call('PUT', '/v1/services/a', { labels: { v: '2' } });
  await before.close();
  const after = await startPlane(t, { store });
  t.equal((await after.call('GET', '/v1/history')).body.items.length, 2);
  await after.call('POST', '/v1/rollback', { revision });
  t.same((await after.call('GET', '/v1/services/a')).body.labels, {});
});

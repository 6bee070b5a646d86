import t from 'tap';
import { readResource } from '../../../shared/resources/read.ts';

const issuesOf = (rateLimits: unknown) => {
  const read = readResource({ kind: 'Policy', name: 'p', spec: { targets: [{ name: 'app' }], rateLimits } });
  return read.ok ? [] : read.issues.map(({ pointer, message }) => `${pointer}: ${message}`);
};
const limit = (fields: object) => ({ name: 'a', requests: 10, per: '1s', ...fields });

t.test('a limit needs no more than a name and a number', async (t) => {
  const spec = { rules: [{ rateLimits: [{ name: 'a', requests: 10 }] }] };
  t.match(readResource({ kind: 'Route', name: 'r', spec }), {
    ok: true,
    value: { spec: { rules: [{ rateLimits: [{ name: 'a', requests: 10, per: '1s', shadow: false }] }] } },
  });
});

t.test('a time is whole seconds up to a day', async (t) => {
  for (const per of ['1s', '1000ms', '1m30s', '24h']) t.strictSame(issuesOf([limit({ per })]), [], per);
  for (const per of ['0s', '999ms', '1s500ms', '25h', '24h1s'])
    t.strictSame(
      issuesOf([limit({ per })]),
      [`/spec/rateLimits/0/per: must be whole seconds, 1s to 24h; got ${per}`],
      per,
    );
});

t.test('a burst comes back within a day', async (t) => {
  t.strictSame(issuesOf([limit({ requests: 1, per: '1h', burst: 24 })]), []);
  t.strictSame(issuesOf([limit({ requests: 1, per: '1h', burst: 25 })]), [
    '/spec/rateLimits/0/burst: takes longer than 24h to come back at 1 per 1h',
  ]);
});

t.test('names of limits are all different, in one list', async (t) => {
  const message = '"a" is the name of a limit before it';
  t.strictSame(issuesOf([limit({}), limit({ name: 'b' }), limit({ per: '1h' })]), [
    `/spec/rateLimits/2/name: ${message}`,
  ]);
  const spec = { rules: [{ rateLimits: [limit({})] }, { rateLimits: [limit({}), limit({})] }] };
  const read = readResource({ kind: 'Route', name: 'r', spec });
  t.match(read, { ok: false, issues: [{ pointer: '/spec/rules/1/rateLimits/1/name', message }] });
});

t.test('a key is one thing', async (t) => {
  for (const key of [{ route: true }, { caller: true }, { header: 'x-user' }])
    t.strictSame(issuesOf([limit({ key })]), []);
  for (const key of [{}, { route: true, caller: true }, { cookie: 'a' }, { header: 'a b' }, { caller: false }])
    t.ok(issuesOf([limit({ key })]).length > 0, JSON.stringify(key));
});

t.test('what is no limit at all is reported and breaks nothing', async (t) => {
  for (const rateLimits of [7, {}, [null], ['x'], [{}], [limit({ per: 5 })], [limit({ requests: 'x', burst: {} })]])
    t.ok(issuesOf(rateLimits).length > 0, JSON.stringify(rateLimits));
  t.ok(issuesOf(Array.from({ length: 9 }, (_, i) => limit({ name: `l${i}` }))).length > 0, 'nine of them');
});

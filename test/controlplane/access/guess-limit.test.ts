import t from 'tap';
import { GuessLimit, mostAddresses } from '../../../controlplane/access/guess-limit.ts';
import { bearer, startGuardedPlane } from './guarded-plane.ts';

function limitAt(): { limit: GuessLimit; pass(ms: number): void } {
  let nowMs = 1_000_000;
  const limit = new GuessLimit({ monotonicMs: () => nowMs, wallMs: () => nowMs });
  return {
    limit,
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

function guess(limit: GuessLimit, host: string, times: number): void {
  for (let i = 0; i < times; i++) limit.wrong(host);
}

t.test('pauses grow with the guesses of an address, and are forgotten', async (t) => {
  const { limit, pass } = limitAt();
  guess(limit, '10.0.0.1', 9);
  t.equal(limit.waitMs('10.0.0.1'), 0);
  guess(limit, '10.0.0.1', 1);
  t.equal(limit.waitMs('10.0.0.1'), 1_000);
  t.equal(limit.waitMs('10.0.0.2'), 0, 'another address has nothing to do with it');
  pass(1_000);
  t.equal(limit.waitMs('10.0.0.1'), 0);
  guess(limit, '10.0.0.1', 10);
  t.equal(limit.waitMs('10.0.0.1'), 2_000);
  guess(limit, '10.0.0.1', 200);
  t.equal(limit.waitMs('10.0.0.1'), 60_000, 'a minute is the longest');
  pass(11 * 60_000);
  guess(limit, '10.0.0.1', 10);
  t.equal(limit.waitMs('10.0.0.1'), 1_000);
});

t.test('a /64 of IPv6 is one address, and the table has a bound', async (t) => {
  const { limit } = limitAt();
  guess(limit, '2001:db8:1:2:3::1', 5);
  guess(limit, '2001:db8:1:2:4::9', 5);
  t.ok(limit.waitMs('2001:db8:1:2::') > 0);
  for (let i = 0; i < mostAddresses + 100; i++) limit.wrong(`host-${i}`);
  t.equal(limit.size, mostAddresses);
});

t.test('after ten wrong tokens others wait as well, but for the ones that were right before', async (t) => {
  const plane = await startGuardedPlane(t);
  t.equal((await plane.as('admin', 'GET', '/v1/services')).status, 200);
  for (let i = 0; i < 10; i++)
    t.equal((await plane.call('GET', '/v1/services', undefined, bearer(`guess-number-${i}`))).status, 401);
  const late = await plane.call('GET', '/v1/services', undefined, bearer('guess-number-11'));
  t.match(late, { status: 429, body: { type: '/docs#problem-slowed' }, headers: { 'retry-after': '1' } });
  t.equal((await plane.as('reader', 'GET', '/v1/services')).status, 429, 'it could be a guess that fits');
  t.equal((await plane.as('admin', 'GET', '/v1/services')).status, 200);
  t.match((await plane.as('admin', 'GET', '/metrics')).body, /refused_total\{reason="slowed"\} 2/);
});

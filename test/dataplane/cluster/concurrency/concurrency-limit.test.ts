import t from 'tap';
import {
  ConcurrencyLimit,
  type ConcurrencySettings,
} from '../../../../dataplane/cluster/concurrency/concurrency-limit.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';
import { type Phase, simulate } from './queue-simulation.ts';

const settings: ConcurrencySettings = {
  minLimit: 3,
  maxLimit: 1000,
  bufferPercent: 25,
  percentile: 50,
  updateIntervalMs: 100,
  measureIntervalMs: 10_000,
};

function limiter(more: Partial<ConcurrencySettings> = {}, random = seededRandom()) {
  const limits: number[] = [];
  const parts = { random, onLimit: (limit: number) => void limits.push(limit) };
  return { limit: new ConcurrencyLimit({ ...settings, ...more }, parts, 0), limits };
}

function run(seed: number, ...phases: readonly Phase[]) {
  const random = seededRandom(seed);
  return simulate(limiter({}, random).limit, phases, random);
}

/** Requests that take so long each, `atOnce` at a time; returns when the last one ended. */
function serve(limit: ConcurrencyLimit, fromMs: number, rounds: number, atOnce: number, tookMs: number): number {
  let nowMs = fromMs;
  for (let i = 0; i < rounds; i++) {
    for (let k = 0; k < atOnce; k++) limit.onStart();
    nowMs += tookMs;
    for (let k = 0; k < atOnce; k++) limit.onReply(tookMs, nowMs);
  }
  return nowMs;
}

for (const capacity of [5, 20, 100])
  for (const seed of [1, 2, 3]) {
    const at = `a server of ${capacity}, seed ${seed}`;
    const busy = { forMs: 20_000, capacity, serviceMs: 20, load: 3 };
    t.test(`under three times the load the limit is near what can be done at once: ${at}`, async (t) => {
      const [seen] = run(seed, busy);
      t.ok(seen!.limit >= capacity, `${seen!.limit} is no less than it can do`);
      t.ok(seen!.limit <= 1.25 * capacity + 2 * Math.sqrt(capacity), `${seen!.limit} is not much more`);
      t.ok(seen!.utilization > 0.95, `${seen!.utilization} of it is done`);
      t.ok(seen!.p99Ms < 3 * busy.serviceMs, `${seen!.p99Ms} ms`);
    });
    t.test(`it follows a server that becomes slow, and back: ${at}`, async (t) => {
      const [, slow, quick, calm] = run(seed, { ...busy, forMs: 5000 }, { ...busy, serviceMs: 100 }, busy, {
        ...busy,
        load: 0.5,
      });
      t.ok(slow!.utilization > 0.9, `slow: ${slow!.utilization} of what it can do`);
      t.ok(slow!.p99Ms < 400, `slow: ${slow!.p99Ms} ms`);
      t.ok(quick!.utilization > 0.95, `quick again: ${quick!.utilization}`);
      t.ok(quick!.p99Ms < 3 * busy.serviceMs, `quick again: ${quick!.p99Ms} ms`);
      t.ok(calm!.utilization > 0.45, `with half the load ${calm!.utilization} is done`);
    });
  }

t.test('what waits at the limit has to wait for a reply, a failure or a caller that leaves', async (t) => {
  const { limit } = limiter();
  for (let i = 0; i < 3; i++) {
    t.notOk(limit.isFull(0));
    limit.onStart();
  }
  t.ok(limit.isFull(0));
  limit.onReply(5, 5);
  t.notOk(limit.isFull(5));
  limit.onStart();
  limit.onFailure(5, 10);
  t.notOk(limit.isFull(10));
  limit.onStart();
  limit.onCancel();
  t.notOk(limit.isFull(10));
});

t.test('a limit that is not used does not grow, one that is goes up to its bound', async (t) => {
  const { limit } = limiter({ maxLimit: 20 });
  let nowMs = serve(limit, 0, 20, 1, 10);
  nowMs = serve(limit, nowMs, 100, 1, 10);
  t.equal(limit.limitAt(nowMs), 3);
  for (let i = 0; i < 20; i++) nowMs = serve(limit, nowMs, 20, limit.limitAt(nowMs), 10);
  t.equal(limit.limitAt(nowMs), 20);
});

t.test('quick refusals do not make an instance look quick, and time-outs make it look slow', async (t) => {
  const { limit } = limiter({ measureIntervalMs: 1_000_000 });
  let nowMs = serve(limit, 0, 20, 1, 10);
  for (let i = 0; i < 6; i++) nowMs = serve(limit, nowMs, 20, limit.limitAt(nowMs), 10);
  const grown = limit.limitAt(nowMs);
  t.ok(grown > 10);
  for (let i = 0; i < 500; i++) {
    limit.onStart();
    limit.onFailure(1, ++nowMs);
  }
  t.equal(limit.limitAt(nowMs), grown);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < grown; i++) limit.onStart();
    nowMs += 1000;
    for (let i = 0; i < grown; i++) limit.onFailure(1000, nowMs);
  }
  t.ok(limit.limitAt(nowMs) < grown);
});

t.test('now and then only a few are let through, no longer than for two seconds', async (t) => {
  const { limit, limits } = limiter();
  let nowMs = serve(limit, 0, 20, 1, 10);
  while (limits.at(-1) !== settings.minLimit || limits.length < 20) {
    nowMs = serve(limit, nowMs, 20, limit.limitAt(nowMs), 10);
    if (nowMs > 20_000) return t.fail('nothing was measured');
  }
  t.ok(nowMs > 7500, `at ${nowMs}`);
  for (let i = 0; i < settings.minLimit; i++) limit.onStart();
  t.ok(limit.isFull(nowMs + 1999), 'those let through do not reply');
  t.notOk(limit.isFull(nowMs + 2000));
});

t.test('nothing is left of the limit of an instance that is gone', async (t) => {
  const { limit, limits } = limiter();
  limit.retire();
  serve(limit, 0, 100, 3, 10);
  t.same(limits, [3, 0]);
});

import fc from 'fast-check';
import t from 'tap';
import { BucketTable, bytesPerBucket } from '../../../../dataplane/filters/rate-limit/bucket-table.ts';
import { Gcra } from '../../../../dataplane/filters/rate-limit/gcra.ts';
import { TakenAhead } from '../../../../dataplane/filters/rate-limit/taken-ahead.ts';
import { holdsFor } from '../../../harness/property.ts';
import { oneBucket, type Rate } from './one-bucket.ts';

const [place, tag] = [3, 7];

/** What the workers of a proxy ask of one bucket. */
function workersAt({ requests, perMs, burst }: Rate, count: number): ((atUs: number) => number)[] {
  const table = new BucketTable(new SharedArrayBuffer(16 * bytesPerBucket), 0, 16);
  return Array.from({ length: count }, () => {
    const taken = new TakenAhead(table, place, tag, new Gcra(requests, perMs, burst), burst);
    return (atUs) => taken.take(atUs);
  });
}

t.test('a burst of a large limit passes to the last request, whoever comes with it', async (t) => {
  const rate = { requests: 5000, perMs: 1000, burst: 5000 };
  for (const workers of [1, 2, 4]) {
    const ask = workersAt(rate, workers);
    let passed = 0;
    for (let i = 0; i < 10_000; i++) if (ask[i % workers]!(1000) === 0) passed++;
    t.equal(passed, 5000, `${workers} workers`);
  }
});

t.test('a limit with a burst below 2,000 is exact', async (t) => {
  const rate = { requests: 1000, perMs: 1000, burst: 1999 };
  const [one, other] = workersAt(rate, 2);
  const plain = oneBucket(rate);
  for (let atUs = 0; atUs < 300_000; atUs += 37) {
    t.equal(one!(atUs), plain(atUs));
    if (atUs % 2 === 0) t.equal(other!(atUs), plain(atUs));
    if (!t.passing()) return;
  }
});

t.test('it lets pass what one bucket would, but for a thousandth of the burst per worker', async (t) => {
  const workers = 3;
  const arrivals = fc.record({
    burst: fc.integer({ min: 1000, max: 20_000 }),
    /** Pauses (us) between groups, and who asks how often then. */
    groups: fc.array(
      fc.record({
        pauseUs: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 5000 }), fc.nat({ max: 2_000_000 })),
        worker: fc.nat({ max: workers - 1 }),
        times: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 4000 })),
      }),
      { maxLength: 40 },
    ),
  });
  const show = (value: unknown) => JSON.stringify(value);
  holdsFor(t, arrivals, { runs: 200, show }, ({ burst, groups }) => {
    const rate = { requests: 10_000, perMs: 1000, burst };
    const [asks, plain] = [workersAt(rate, workers), oneBucket(rate)];
    let [passed, wanted, atUs] = [0, 0, 0];
    for (const { pauseUs, worker, times } of groups) {
      atUs += pauseUs;
      for (let i = 0; i < times; i++) {
        if (asks[worker]!(atUs) === 0) passed++;
        if (plain(atUs) === 0) wanted++;
      }
      const mostOff = workers * Math.floor(burst / 1000);
      if (Math.abs(passed - wanted) > mostOff) throw new Error(`${passed} passed, of one bucket ${wanted}`);
    }
  });
});

t.test('places that were not used are given back', async (t) => {
  const [ask] = workersAt({ requests: 1_000_000, perMs: 1000, burst: 2_000_000 }, 1);
  // Each group takes places for 64 and uses one; without giving back, 0.6 s of it would use up the burst.
  for (let atUs = 0; atUs < 10_000_000; atUs += 1500)
    for (let i = 0; i < 1400; i++) if (ask!(atUs) !== 0) return t.fail(`refused at ${atUs} us`);
  t.pass();
});

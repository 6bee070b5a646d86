import fc from 'fast-check';
import t from 'tap';
import { timeWrapUs } from '../../../../dataplane/filters/rate-limit/bucket-table.ts';
import { holdsFor } from '../../../harness/property.ts';
import { oneBucket, type Rate } from './one-bucket.ts';

const second = 1_000_000;
const hour = 3600 * second;
const day = 24 * hour;

type Case = {
  readonly what: string;
  readonly rate: Rate;
  /** When something is asked, how often (once, if it is not told), and how long the last of these has to wait. */
  readonly asked: readonly (readonly [atUs: number, waitUs: number, times?: number])[];
};

const cases: readonly Case[] = [
  {
    what: 'a burst passes at once, and then one for each interval',
    rate: { requests: 10, perMs: 1000, burst: 3 },
    asked: [
      [0, 0, 3],
      [0, 100_000],
      [99_999, 1],
      [100_000, 0],
      [100_000, 100_000],
      [400_000, 0, 3],
      [400_000, 100_000],
    ],
  },
  {
    what: 'what comes at the rate passes for ever',
    rate: { requests: 4, perMs: 1000, burst: 1 },
    asked: Array.from({ length: 50 }, (_, i) => [i * 250_000, 0] as const),
  },
  {
    what: 'a pause is never worth more than the burst',
    rate: { requests: 1, perMs: 1000, burst: 2 },
    asked: [
      [0, 0],
      [hour, 0, 2],
      [hour, second],
    ],
  },
  {
    what: 'what is refused costs nothing',
    rate: { requests: 1, perMs: 1000, burst: 1 },
    asked: [
      [0, 0],
      [10, second - 10, 1000],
      [second, 0],
    ],
  },
  {
    what: 'a clock at rest lets the burst pass, and nothing more',
    rate: { requests: 1000, perMs: 1000, burst: 50 },
    asked: [
      [77, 0, 50],
      [77, 1000, 1000],
    ],
  },
  {
    what: 'a clock that is behind another worker’s lets nothing more pass',
    rate: { requests: 1, perMs: 1000, burst: 2 },
    asked: [
      [5000, 0],
      [4000, 1000],
      [5000, 0],
      [4000, second + 1000],
    ],
  },
  {
    what: 'a million a second',
    rate: { requests: 1_000_000, perMs: 1000, burst: 1 },
    asked: [
      [0, 0],
      [0, 1],
      [1, 0],
    ],
  },
  {
    what: 'a burst of a hundred thousand, which a day brings back',
    rate: { requests: 100_000, perMs: day / 1000, burst: 100_000 },
    asked: [
      [0, 0, 100_000],
      [0, 864_000],
      [864_000, 0],
      [day, 0, 99_999],
    ],
  },
  {
    what: 'one a day',
    rate: { requests: 1, perMs: day / 1000, burst: 1 },
    asked: [
      [0, 0],
      [1, day - 1],
      [day - 1, 1],
      [day, 0],
    ],
  },
  {
    what: 'an interval that is no whole number of microseconds',
    rate: { requests: 400_000, perMs: 1000, burst: 3 },
    asked: [
      [0, 0, 3],
      [0, 2],
      [2, 0],
      [2, 3],
      [5, 0],
      [5, 2],
      [1000, 0, 3],
    ],
  },
];

for (const { what, rate, asked } of cases)
  for (const startUs of [1, 40 * day, timeWrapUs - 50])
    t.test(`${what}, from ${startUs} us on`, async (t) => {
      const ask = oneBucket(rate, startUs);
      for (const [atUs, waitUs, times = 1] of asked) {
        const waits = Array.from({ length: times }, () => ask(atUs));
        t.equal(waits.at(-1), waitUs, `at ${atUs}`);
        if (waitUs === 0) t.ok(waits.every((one) => one === 0));
      }
    });

t.test('a bucket that nobody asked for half the life of the clock is full', async (t) => {
  for (const pauseUs of [timeWrapUs / 2, timeWrapUs / 2 + day, timeWrapUs - 2 * day]) {
    const ask = oneBucket({ requests: 1, perMs: 1000, burst: 1 });
    ask(0);
    t.equal(ask(pauseUs), 0, `after ${pauseUs / day} days`);
    t.equal(ask(pauseUs), second);
  }
});

t.test('a rate that is no whole number of microseconds is met to one request in a second', async (t) => {
  for (const requests of [7, 900, 7777, 70_001, 333_333]) {
    const ask = oneBucket({ requests, perMs: 1000, burst: 100 });
    let passed = 0;
    // Asks whenever the last answer says that it would pass.
    for (let atUs = 0; atUs <= second; ) {
      const waitUs = ask(atUs);
      if (waitUs === 0) passed++;
      else atUs += waitUs;
    }
    t.ok(
      Math.abs(passed - (100 + requests)) <= 1,
      `${requests} a second: ${passed} passed in one, with a burst of 100`,
    );
  }
});

/** A bucket of tokens that is filled all the time; in microseconds' worth of tokens, so that it has no fractions. */
function tokenBucket(intervalUs: number, burst: number): (atUs: number) => number {
  let level = burst * intervalUs;
  let last = 0;
  return (atUs) => {
    level = Math.min(burst * intervalUs, level + atUs - last);
    last = atUs;
    if (level < intervalUs) return intervalUs - level;
    level -= intervalUs;
    return 0;
  };
}

t.test('it decides and waits as a token bucket does that is filled all the time', async (t) => {
  const arrivals = fc.record({
    perMs: fc.constantFrom(1, 2, 50, 1000, 3_600_000),
    burst: fc.integer({ min: 1, max: 20 }),
    /** Pauses in thousandths of an interval: from a burst to a long silence. */
    pauses: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 1500 }), fc.nat({ max: 30_000 })), { maxLength: 200 }),
  });
  const show = (value: unknown) => JSON.stringify(value);
  holdsFor(t, arrivals, { runs: 500, show }, ({ perMs, burst, pauses }) => {
    const ask = oneBucket({ requests: 1, perMs, burst });
    const oracle = tokenBucket(perMs * 1000, burst);
    let atUs = 0;
    for (const pause of pauses) {
      atUs += pause * perMs;
      const [waitUs, wanted] = [ask(atUs), oracle(atUs)];
      if (waitUs !== wanted) throw new Error(`at ${atUs} us it says ${waitUs}, the token bucket ${wanted}`);
    }
  });
});

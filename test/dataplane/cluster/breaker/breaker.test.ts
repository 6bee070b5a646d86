import t from 'tap';
import type { BreakerCause, BreakerOutcome, BreakerState } from '../../../../dataplane/cluster/breaker/breaker.ts';
import type { BreakerSettings } from '../../../../dataplane/cluster/breaker/breaker-settings.ts';
import { Changes } from '../../../../dataplane/cluster/changes.ts';
import { breakerAt, breakerDefaults } from '../../harness/breaker-at.ts';

const words: Readonly<Record<string, BreakerOutcome>> = {
  succeeds: 'success',
  fails: 'failure',
  'is limited': 'rate-limited',
};

/**
 * What happens at a moment (ms), and the state after it. `a starts`, `a fails` and so on are requests with a name; without one a request
 * starts and ends at once. `is shut` says that none may start.
 */
type Step = readonly [atMs: number, event: string, state: BreakerState];

type Row = {
  readonly title: string;
  readonly settings: Partial<BreakerSettings>;
  readonly steps: readonly Step[];
  readonly causes: readonly BreakerCause[];
};

const rate = { threshold: 0.8, windowMs: 1000, minRequests: 5 };
const times = (count: number, step: Step): readonly Step[] => Array.from({ length: count }, () => step);

const rows: readonly Row[] = [
  {
    title: 'failures open it only in a row',
    settings: { consecutiveFailures: 3 },
    steps: [
      ...times(2, [0, 'fails', 'closed']),
      [0, 'succeeds', 'closed'],
      ...times(2, [0, 'fails', 'closed']),
      [0, 'fails', 'open'],
      [99, 'is shut', 'open'],
    ],
    causes: ['consecutive_failures'],
  },
  {
    title: 'one probe closes it, and after that it takes as many failures as ever',
    settings: { consecutiveFailures: 3 },
    steps: [
      ...times(2, [0, 'fails', 'closed']),
      [0, 'fails', 'open'],
      [100, 'a starts', 'half-open'],
      [5000, 'is shut', 'half-open'],
      [5000, 'a succeeds', 'closed'],
      ...times(2, [5000, 'fails', 'closed']),
      [5000, 'fails', 'open'],
    ],
    causes: ['consecutive_failures', 'timeout', 'probe_passed', 'consecutive_failures'],
  },
  {
    title: 'each probe that fails doubles the time, up to its bound, and a recovery begins anew',
    settings: { consecutiveFailures: 1, openForMs: 100, maxOpenForMs: 300 },
    steps: [
      [0, 'fails', 'open'],
      [100, 'fails', 'open'],
      [299, 'is shut', 'open'],
      [300, 'fails', 'open'],
      [599, 'is shut', 'open'],
      [600, 'fails', 'open'],
      [899, 'is shut', 'open'],
      [900, 'succeeds', 'closed'],
      [900, 'fails', 'open'],
      [999, 'is shut', 'open'],
      [1000, 'succeeds', 'closed'],
    ],
    causes: [
      'consecutive_failures',
      ...(['timeout', 'probe_failed'] as const),
      ...(['timeout', 'probe_failed'] as const),
      ...(['timeout', 'probe_failed'] as const),
      ...(['timeout', 'probe_passed'] as const),
      'consecutive_failures',
      ...(['timeout', 'probe_passed'] as const),
    ],
  },
  {
    title: 'three probes have to pass, and no more than three are under way',
    settings: { consecutiveFailures: 1, probes: 3 },
    steps: [
      [0, 'fails', 'open'],
      [100, 'a starts', 'half-open'],
      [100, 'b starts', 'half-open'],
      [100, 'c starts', 'half-open'],
      [100, 'is shut', 'half-open'],
      [110, 'b succeeds', 'half-open'],
      [110, 'is shut', 'half-open'],
      [110, 'a succeeds', 'half-open'],
      [110, 'c succeeds', 'closed'],
    ],
    causes: ['consecutive_failures', 'timeout', 'probe_passed'],
  },
  {
    title: 'the first of three probes that fails opens it, and the others are of no account',
    settings: { consecutiveFailures: 1, probes: 3 },
    steps: [
      [0, 'fails', 'open'],
      [100, 'a starts', 'half-open'],
      [100, 'b starts', 'half-open'],
      [100, 'c starts', 'half-open'],
      [110, 'a succeeds', 'half-open'],
      [110, 'b fails', 'open'],
      [120, 'c fails', 'open'],
      [309, 'is shut', 'open'],
      [310, 'd starts', 'half-open'],
      [310, 'e starts', 'half-open'],
      [310, 'd succeeds', 'half-open'],
      [310, 'e succeeds', 'half-open'],
      [310, 'succeeds', 'closed'],
    ],
    causes: ['consecutive_failures', 'timeout', 'probe_failed', 'timeout', 'probe_passed'],
  },
  {
    title: 'a probe without a verdict is given back',
    settings: { consecutiveFailures: 1 },
    steps: [
      [0, 'fails', 'open'],
      [100, 'a starts', 'half-open'],
      [100, 'is shut', 'half-open'],
      [150, 'a leaves', 'half-open'],
      [150, 'b starts', 'half-open'],
      [150, 'is shut', 'half-open'],
      [150, 'b succeeds', 'closed'],
    ],
    causes: ['consecutive_failures', 'timeout', 'probe_passed'],
  },
  {
    title: 'requests that began before it opened count for nothing until they have ended',
    settings: { consecutiveFailures: 2 },
    steps: [
      [0, 'a starts', 'closed'],
      [0, 'b starts', 'closed'],
      [0, 'c starts', 'closed'],
      [0, 'd starts', 'closed'],
      ...times(1, [0, 'fails', 'closed']),
      [0, 'fails', 'open'],
      [50, 'a succeeds', 'open'],
      [100, 'p starts', 'half-open'],
      [100, 'b fails', 'half-open'],
      [100, 'c leaves', 'half-open'],
      [100, 'is shut', 'half-open'],
      [100, 'p succeeds', 'closed'],
      [100, 'fails', 'closed'],
      [100, 'd fails', 'closed'],
    ],
    causes: ['consecutive_failures', 'timeout', 'probe_passed'],
  },
  {
    title: 'a rate of successes below the bound opens it once there are enough requests',
    settings: { successRate: rate },
    steps: [...times(3, [0, 'succeeds', 'closed']), [0, 'fails', 'closed'], [0, 'fails', 'open']],
    causes: ['success_rate'],
  },
  {
    title: 'a rate at the bound does not',
    settings: { successRate: rate },
    steps: [...times(8, [0, 'succeeds', 'closed']), ...times(2, [0, 'fails', 'closed']), [0, 'fails', 'open']],
    causes: ['success_rate'],
  },
  {
    title: 'the rate is that of the window',
    settings: { successRate: rate },
    steps: [
      ...times(4, [0, 'fails', 'closed']),
      ...times(4, [1000, 'succeeds', 'closed']),
      [1000, 'fails', 'closed'],
      [1999, 'fails', 'open'],
    ],
    causes: ['success_rate'],
  },
  {
    title: 'too many requests count for the rate, and for a probe then, but break a row',
    settings: { successRate: rate, consecutiveFailures: 3 },
    steps: [
      ...times(2, [0, 'fails', 'closed']),
      [0, 'is limited', 'closed'],
      [0, 'fails', 'closed'],
      [0, 'is limited', 'open'],
      [100, 'is limited', 'open'],
      [300, 'succeeds', 'closed'],
    ],
    causes: ['success_rate', 'timeout', 'probe_failed', 'timeout', 'probe_passed'],
  },
  {
    title: 'where there is no rate, too many requests are no failure',
    settings: { consecutiveFailures: 1 },
    steps: [...times(5, [0, 'is limited', 'closed']), [0, 'fails', 'open'], [100, 'is limited', 'closed']],
    causes: ['consecutive_failures', 'timeout', 'probe_passed'],
  },
  {
    title: 'after a recovery the rate begins anew',
    settings: { successRate: rate },
    steps: [
      ...times(4, [0, 'fails', 'closed']),
      [0, 'fails', 'open'],
      [100, 'succeeds', 'closed'],
      ...times(4, [100, 'fails', 'closed']),
      [100, 'fails', 'open'],
    ],
    causes: ['success_rate', 'timeout', 'probe_passed', 'success_rate'],
  },
];

for (const { title, settings, steps, causes } of rows)
  t.test(title, async (t) => {
    const seen: BreakerCause[] = [];
    const changes = new Changes();
    const breaker = breakerAt(settings, { changes, onTransition: (cause) => seen.push(cause) });
    const tickets = new Map<string, number>();
    const run = (event: string, atMs: number): void => {
      const [name = '', word = ''] = /^([a-z]) /.test(event) ? [event[0], event.slice(2)] : ['', event];
      if (word === 'is shut') return void t.notOk(breaker.isPassable(atMs), `shut at ${atMs}`);
      if (word === 'starts' || name === '') {
        t.ok(breaker.isPassable(atMs), `${event} at ${atMs}`);
        tickets.set(name, breaker.onStart());
      }
      if (word === 'leaves') breaker.giveBack(tickets.get(name)!);
      else if (word !== 'starts') breaker.settle(tickets.get(name)!, words[word]!, atMs);
    };
    for (const [atMs, event, state] of steps) {
      const before = { isPassable: breaker.isPassable(atMs), count: changes.count };
      run(event, atMs);
      t.equal(breaker.state, state, `${event} at ${atMs}`);
      if (breaker.isPassable(atMs) !== before.isPassable) t.not(changes.count, before.count, 'whoever picks is told');
    }
    t.same(seen, causes);
  });

t.test('chance makes the time longer by up to the jitter', async (t) => {
  for (const [random, untilMs] of [
    [0, 100],
    [2 ** 31, 125],
    [2 ** 32 - 1, 150],
  ] as const) {
    const breaker = breakerAt({ consecutiveFailures: 1, jitter: 0.5 }, { random: () => random });
    breaker.settle(breaker.onStart(), 'failure', 0);
    t.equal(Math.round(breaker.passableAtMs), untilMs);
  }
});

t.test('other settings hold from the next request on, and its state stays', async (t) => {
  const breaker = breakerAt({ consecutiveFailures: 2 });
  const fail = (atMs: number) => breaker.settle(breaker.onStart(), 'failure', atMs);
  fail(0);
  fail(0);
  breaker.follow({ ...breakerDefaults, consecutiveFailures: 1, probes: 2, successRate: rate });
  t.equal(breaker.state, 'open');
  const probe = breaker.onStart();
  t.ok(breaker.isPassable(100), 'there is a second probe');
  breaker.follow({ ...breakerDefaults, consecutiveFailures: 1 });
  t.notOk(breaker.isPassable(100));
  breaker.settle(probe, 'success', 100);
  t.equal(breaker.state, 'closed');
  t.equal(fail(100), 'consecutive_failures');
});

t.test('it closes when fewer probes are asked for than have passed', async (t) => {
  const breaker = breakerAt({ consecutiveFailures: 1, probes: 3 });
  breaker.settle(breaker.onStart(), 'failure', 0);
  for (let i = 0; i < 2; i++) breaker.settle(breaker.onStart(), 'success', 100);
  t.equal(breaker.state, 'half-open');
  breaker.follow({ ...breakerDefaults, probes: 2 });
  t.equal(breaker.state, 'closed');
  t.ok(breaker.isPassable(100));
});

t.test('who is gone tells nobody what becomes of it', async (t) => {
  const seen: string[] = [];
  const onRetired = () => seen.push('retired');
  const breaker = breakerAt({ consecutiveFailures: 1 }, { onTransition: (cause) => seen.push(cause), onRetired });
  breaker.retire();
  breaker.settle(breaker.onStart(), 'failure', 0);
  t.same(seen, ['retired']);
});

import t from 'tap';
import { durationMs } from '../../../shared/time/duration.ts';
import { TimerWheel, WheelTimer } from '../../../shared/time/timer-wheel.ts';

/** A wheel of 10 ms whose clock the test turns. */
function turned(startMs = 12_345) {
  let nowMs = startMs;
  const wheel = new TimerWheel(() => nowMs, 10);
  return {
    wheel,
    now: () => nowMs,
    go: (ms: number, stepMs = 10) => {
      for (const until = nowMs + ms; nowMs < until; ) {
        nowMs = Math.min(until, nowMs + stepMs);
        wheel.advance();
      }
    },
  };
}

t.test('a timer fires once, never early and at most two ticks late', async (t) => {
  for (const stepMs of [1, 7, 10])
    for (const delayMs of [0, 1, 9, 10, 11, 99, 100, 5119, 5120, 5121, 5130, 60_000]) {
      const { wheel, now, go } = turned();
      const fired: number[] = [];
      const timer = new WheelTimer(() => fired.push(now()));
      const deadlineMs = now() + delayMs;
      wheel.arm(timer, deadlineMs);
      go(delayMs + 100, stepMs);
      t.equal(fired.length, 1, `${delayMs} ms in steps of ${stepMs}`);
      t.ok(fired[0]! >= deadlineMs && fired[0]! <= deadlineMs + 20, `${fired[0]! - deadlineMs} ms late`);
      t.equal(timer.deadlineMs, Number.POSITIVE_INFINITY);
    }
});

t.test('a timer that is armed again fires at the last moment it was given', async (t) => {
  const { wheel, now, go } = turned();
  const fired: number[] = [];
  const timer = new WheelTimer(() => fired.push(now()));
  const startMs = now();
  wheel.arm(timer, startMs + 100);
  wheel.arm(timer, startMs + 7000);
  go(6990);
  t.same(fired, [], 'later');
  go(40);
  t.equal(fired.length, 1);
  wheel.arm(timer, now() + 7000);
  wheel.arm(timer, now() + 50);
  go(80);
  t.equal(fired.length, 2, 'earlier');
  go(8000);
  t.equal(fired.length, 2, 'and only once');
});

t.test('a timer that is disarmed or taken out does not fire, and may be armed anew', async (t) => {
  const { wheel, now, go } = turned();
  let fired = 0;
  const timer = new WheelTimer(() => fired++);
  wheel.arm(timer, now() + 50);
  wheel.disarm(timer);
  go(200);
  wheel.arm(timer, now() + 50);
  wheel.remove(timer);
  wheel.remove(timer);
  go(200);
  t.equal(fired, 0);
  wheel.arm(timer, now() + 50);
  wheel.disarm(timer);
  wheel.arm(timer, now() + 100);
  go(200);
  t.equal(fired, 1);
});

t.test('timers may take out, arm and disarm each other while they fire', async (t) => {
  const { wheel, now, go } = turned();
  const fired: string[] = [];
  const later = new WheelTimer(() => fired.push('later'));
  const timers: WheelTimer[] = [];
  for (let i = 0; i < 4; i++)
    timers.push(
      new WheelTimer(() => {
        fired.push(`${i}`);
        for (const other of timers) if (other !== timers[i]) wheel.remove(other);
        wheel.arm(later, now());
      }),
    );
  for (const timer of timers) wheel.arm(timer, now() + 30);
  const again = new WheelTimer(() => {
    fired.push('again');
    if (fired.filter((one) => one === 'again').length < 3) wheel.arm(again, now() + 30);
  });
  wheel.arm(again, now() + 30);
  go(300);
  t.equal(fired.filter((one) => /\d/.test(one)).length, 1, 'the first takes out the others');
  t.equal(fired.filter((one) => one === 'later').length, 1);
  t.equal(fired.filter((one) => one === 'again').length, 3);
});

t.test('after a long pause everything that is due fires, and nothing else', async (t) => {
  const { wheel, now, go } = turned();
  const fired: number[] = [];
  const timers = [10, 500, 4000, 6000, 20_000, 100_000].map((ms) => new WheelTimer(() => fired.push(ms)));
  [10, 500, 4000, 6000, 20_000, 100_000].forEach((ms, i) => {
    wheel.arm(timers[i]!, now() + ms);
  });
  go(30_000, 30_000);
  t.same(
    fired.sort((a, b) => a - b),
    [10, 500, 4000, 6000, 20_000],
  );
  go(71_000, 13);
  t.equal(fired.length, 6);
});

t.test('durations are read as Gateway API writes them', async (t) => {
  for (const [text, ms] of [
    ['0s', 0],
    ['500ms', 500],
    ['2s', 2000],
    ['1m30s', 90_000],
    ['1h2m3s4ms', 3_723_004],
    ['99999h', 359_996_400_000],
  ] as const)
    t.equal(durationMs(text), ms);
  for (const text of ['', '1', 's', '-1s', '1.5s', '1 s', '1d', '123456s', '1s1s1s1s1s', '1S', ' 1s'])
    t.throws(() => durationMs(text), RangeError, text);
});

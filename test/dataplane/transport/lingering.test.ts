import t from 'tap';
import { Lingering } from '../../../dataplane/transport/lingering.ts';
import type { WorkerContext } from '../../../dataplane/worker/worker-context.ts';
import { TimerWheel } from '../../../shared/time/timer-wheel.ts';
import type { Transport } from '../../../shared/transport/transport.ts';

const tickMs = 10;

/** The end of a connection by a clock of the test’s own, with so many bytes of the last reply unsent. */
function lingering({ unsentBytes = 0, hasEnded = false, keepAliveTimeoutMs = 5000 } = {}) {
  let nowMs = 0;
  let overMs = -1;
  let onSent: () => void = () => undefined;
  const counted: string[] = [];
  const wheel = new TimerWheel(() => nowMs, tickMs);
  const transport = {
    unsentBytes,
    resume: () => undefined,
    end: (callback: () => void) => {
      onSent = callback;
    },
  };
  const context = {
    wheel,
    now: () => nowMs,
    tick: () => undefined,
    limits: { keepAliveTimeoutMs },
    closings: { count: (closing: string) => void counted.push(closing) },
  } as unknown as WorkerContext;
  const one = new Lingering(context, transport as unknown as Transport, hasEnded, () => (overMs = nowMs));
  return {
    one,
    transport,
    counted,
    sent: () => onSent(),
    /** When it was over, or -1. */
    over: () => overMs,
    /** Lets time pass, with something done every so often. */
    pass(ms: number, everyMs = ms, act: () => void = () => undefined) {
      for (const untilMs = nowMs + ms; nowMs < untilMs; ) {
        const nextMs = Math.min(untilMs, nowMs + everyMs);
        while (nowMs < nextMs) {
          nowMs += tickMs;
          wheel.advance();
        }
        act();
      }
    },
  };
}

t.test('a caller that is silent for a second after its last reply is let go, not before', async (t) => {
  const { sent, pass, over, counted } = lingering();
  pass(200);
  sent();
  pass(980);
  t.equal(over(), -1);
  pass(50);
  t.ok(over() >= 1200 && over() <= 1230, `${over()} ms`);
  t.strictSame(counted, []);
});

t.test('a caller that sends on is read for half a minute, and no longer', async (t) => {
  const { one, sent, pass, over } = lingering();
  sent();
  pass(29_900, 500, () => one.onRead());
  t.equal(over(), -1);
  pass(1000, 20, () => one.onRead());
  t.ok(over() >= 30_000 && over() <= 30_030, `${over()} ms`);
});

t.test('a caller that has ended, before or after, is let go at once when its reply has left', async (t) => {
  const before = lingering({ hasEnded: true, unsentBytes: 10 });
  t.equal(before.over(), -1);
  before.transport.unsentBytes = 0;
  before.sent();
  t.equal(before.over(), 0);
  const after = lingering();
  after.sent();
  after.one.onEnd();
  t.equal(after.over(), 0);
});

t.test('a slow caller may take its reply for as long as it takes any of it within the idle time', async (t) => {
  const { transport, pass, over, counted } = lingering({ unsentBytes: 100 });
  pass(50_000, 4000, () => void transport.unsentBytes--);
  t.equal(over(), -1);
  const stalledMs = 50_000;
  pass(10_030);
  t.ok(over() > stalledMs && over() <= stalledMs + 10_030, `${over()} ms`);
  t.strictSame(counted, ['downstream stalled']);
});

t.test('a connection that is gone is not ended again', async (t) => {
  const { one, sent, pass, over } = lingering();
  one.stop();
  sent();
  pass(40_000);
  t.equal(over(), -1);
});

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { threadClockOffsetMs } from '../../../../shared/time/thread-clock.ts';
import { clockErrorMs, hammer } from './hammer.ts';

const threads = 4;
const forMs = 400;

for (const rate of [
  { requests: 100_000, perMs: 1000, burst: 1_000_000 },
  { requests: 70_001, perMs: 1000, burst: 1_000_000 },
  { requests: 500, perMs: 1000, burst: 5000 },
])
  t.test(`${threads} threads have ${rate.requests} a second between them`, async (t) => {
    for (const { passed, allowed } of await hammer(threads, { rate, places: [7], forMs })) {
      t.ok(passed <= Math.floor(allowed) + 1, `${passed} passed of ${allowed} at most`);
      t.ok(passed >= Math.floor(0.99 * allowed), `${passed} passed of ${allowed}`);
    }
  });

t.test('threads that ask for many keys have for each of them what one may have', async (t) => {
  const places = Array.from({ length: 100 }, (_, i) => 1 + i * 3);
  const rate = { requests: 100, perMs: 1000, burst: 1000 };
  for (const { passed, allowed } of await hammer(threads, { rate, places, forMs })) {
    t.ok(passed <= Math.floor(allowed) + 1, `${passed} passed of ${allowed} at most`);
    // Not all of them are asked at the very end.
    t.ok(passed >= 0.9 * allowed, `${passed} passed of ${allowed}`);
  }
});

t.test('the clock of a thread is that of the others', async (t) => {
  const code = `
    import { parentPort } from 'node:worker_threads';
    import { threadClockOffsetMs } from '${new URL('../../../../shared/time/thread-clock.ts', import.meta.url)}';
    const offsetMs = threadClockOffsetMs();
    parentPort.postMessage(null);
    parentPort.on('message', () => parentPort.postMessage(performance.now() + offsetMs));
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  t.teardown(() => worker.terminate());
  await once(worker, 'message');
  const offsetMs = threadClockOffsetMs();
  for (let i = 0; i < 20; i++) {
    const beforeMs = performance.now() + offsetMs;
    worker.postMessage(null);
    const [theirsMs] = (await once(worker, 'message')) as [number];
    const afterMs = performance.now() + offsetMs;
    t.ok(theirsMs > beforeMs - clockErrorMs, `${theirsMs} after ${beforeMs}`);
    t.ok(theirsMs < afterMs + clockErrorMs, `${theirsMs} before ${afterMs}`);
  }
});

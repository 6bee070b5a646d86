import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { newBucketMemory } from '../../../../dataplane/filters/rate-limit/buckets.ts';
import { threadClockOffsetMs } from '../../../../shared/time/thread-clock.ts';
import { type HammerReport, hammer } from './hammer.ts';
import type { Rate } from './one-bucket.ts';

const threads = 4;
const forMs = 400;

/** The most that may have passed in a bucket, and who asked all the time has to have had 99 % of it. */
function most({ requests, perMs, burst }: Rate, reports: readonly HammerReport[]): number {
  const firstMs = Math.min(...reports.map((report) => report.firstMs));
  const lastMs = Math.max(...reports.map((report) => report.lastMs));
  return burst + ((lastMs - firstMs) * requests) / perMs;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

// The bursts take in what a machine does that has no time for any of the threads.
for (const rate of [
  { requests: 100_000, perMs: 1000, burst: 20_000 },
  { requests: 70_001, perMs: 1000, burst: 20_000 },
  { requests: 500, perMs: 1000, burst: 100 },
])
  t.test(`${threads} threads have ${rate.requests} a second and a burst of ${rate.burst} between them`, async (t) => {
    const reports = await hammer({ memory: newBucketMemory(), threads, rate, places: [7], forMs });
    const passed = sum(reports.flatMap((report) => report.passed));
    const allowed = most(rate, reports);
    t.ok(
      reports.every(({ asked }) => asked > 100),
      'all of them asked',
    );
    t.ok(sum(reports.map(({ asked }) => asked)) > 2 * allowed, 'for more than there is');
    t.ok(passed <= Math.floor(allowed) + 1, `${passed} passed of ${allowed} at most`);
    t.ok(passed >= 0.99 * allowed, `${passed} passed of ${allowed}`);
  });

t.test('threads that ask for many keys have for each of them what one may have', async (t) => {
  const rate = { requests: 100, perMs: 1000, burst: 5 };
  const places = Array.from({ length: 100 }, (_, i) => 1 + i * 3);
  const reports = await hammer({ memory: newBucketMemory(), threads, rate, places, forMs });
  const allowed = most(rate, reports);
  for (const i of places.keys()) {
    const passed = sum(reports.map((report) => report.passed[i]!));
    t.ok(passed <= Math.floor(allowed) + 1, `${passed} passed of ${allowed} at most`);
    t.ok(passed >= Math.floor(0.99 * allowed), `${passed} passed of ${allowed}`);
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
    t.ok(theirsMs > beforeMs - 0.1 && theirsMs < afterMs + 0.1, `${theirsMs} between ${beforeMs} and ${afterMs}`);
  }
});

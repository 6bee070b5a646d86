import { parentPort, workerData } from 'node:worker_threads';
import { Buckets } from '../../../../dataplane/filters/rate-limit/buckets.ts';
import { Gcra } from '../../../../dataplane/filters/rate-limit/gcra.ts';
import { threadClockOffsetMs } from '../../../../shared/time/thread-clock.ts';
import type { HammerOrder, HammerReport } from './hammer.ts';

const { memory, gate, threads, rate, places, forMs } = workerData as HammerOrder;
const offsetMs = threadClockOffsetMs();
const buckets = new Buckets(memory, offsetMs);
const gcra = new Gcra(rate.requests, rate.perMs, rate.burst);
const passed = places.map(() => 0);
let asked = 0;

/** Nobody begins before all are there. */
const arrived = new Int32Array(gate);
if (Atomics.add(arrived, 0, 1) === threads - 1) Atomics.notify(arrived, 0);
for (let seen = Atomics.load(arrived, 0); seen < threads; seen = Atomics.load(arrived, 0))
  Atomics.wait(arrived, 0, seen, 10);

const firstMs = performance.now();
const endMs = firstMs + forMs;
let nowMs = firstMs;
let refusals = 0;
// When the time is over it goes on until it has had a refusal for each: else nobody may have taken what a pause left.
for (; nowMs < endMs || refusals < places.length; asked++) {
  nowMs = performance.now();
  const i = asked % places.length;
  const waitUs = buckets.keys.take(places[i]!, places[i]! + 1, gcra, buckets.timeUs(nowMs));
  if (waitUs === 0) passed[i]!++;
  refusals = waitUs === 0 ? 0 : refusals + 1;
}

const report: HammerReport = { asked, passed, firstMs: firstMs + offsetMs, lastMs: nowMs + offsetMs };
parentPort!.postMessage(report);

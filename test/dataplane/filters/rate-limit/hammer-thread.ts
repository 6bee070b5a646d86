import { parentPort, workerData } from 'node:worker_threads';
import { Buckets } from '../../../../dataplane/filters/rate-limit/buckets.ts';
import { Gcra } from '../../../../dataplane/filters/rate-limit/gcra.ts';
import { threadClockOffsetMs } from '../../../../shared/time/thread-clock.ts';
import type { HammerOrder, HammerReport } from './hammer.ts';

const { memory, rate, places, forMs } = workerData as HammerOrder;
const offsetMs = threadClockOffsetMs();
const buckets = new Buckets(memory, offsetMs);
const gcra = new Gcra(rate.requests, rate.perMs, rate.burst);
const passed = places.map(() => 0);

let nowMs = performance.now();
const endMs = nowMs + forMs;
let refusals = 0;
// When the time is over it goes on until it has had a refusal for each: else nobody may have taken what a pause left.
for (let turn = 0; nowMs < endMs || refusals < places.length; turn++) {
  nowMs = performance.now();
  const i = turn % places.length;
  const waitUs = buckets.keys.take(places[i]!, places[i]! + 1, gcra, buckets.timeUs(nowMs));
  if (waitUs === 0) passed[i]!++;
  refusals = waitUs === 0 ? 0 : refusals + 1;
}

parentPort!.postMessage({ passed, lastMs: nowMs + offsetMs } satisfies HammerReport);

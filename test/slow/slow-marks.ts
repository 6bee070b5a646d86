import type { Mark } from '../bench/marks.ts';
import type { AttackReport } from './attack.ts';
import { probeTimeoutMs } from './probe.ts';

const promisedBytes = 64 * 1024 * 1024;
const graceMs = 5000;

/** What is promised of a service under attack, judged. */
export function judgeAttack(report: AttackReport, connections: number, headTimeoutMs: number): Mark[] {
  const { mode, reached, probe, idleBytes, peakBytes, left, longestHeadMs } = report;
  const grownMb = ((peakBytes - idleBytes) / 1e6).toFixed(0);
  const failures = Object.entries(probe.failures).map(([reason, count]) => `, ${count} x ${reason}`);
  // On a machine that had no time even for the probes, being late says nothing about the proxy.
  const isStarved = probe.sent < 0.9 * probe.due;
  const unlessStarved = (isMet: boolean) => (isStarved && !isMet ? null : isMet);
  const starved = isStarved ? `; only ${probe.sent} of ${probe.due} probes could be sent in time` : '';
  const marks: Mark[] = [
    {
      promise: `${mode}: all ${connections} connections are there`,
      isMet: unlessStarved(reached >= connections),
      said: `${reached}${starved}`,
    },
    {
      promise: `${mode}: every probe is answered with 200 within ${probeTimeoutMs} ms`,
      isMet: unlessStarved(probe.sent > 0 && probe.answered === probe.sent),
      said: `${probe.answered} of ${probe.sent}, the slowest in ${probe.slowestMs.toFixed(0)} ms${failures.join('')}${starved}`,
    },
    {
      promise: `${mode}: the proxy grows by at most 64 MiB`,
      isMet: peakBytes - idleBytes <= promisedBytes,
      said: `${grownMb} MB`,
    },
    { promise: `${mode}: nothing is counted any more afterwards`, isMet: left === 0, said: `${left} left` },
  ];
  if (mode === 'headers')
    marks.push({
      promise: `${mode}: a head that never ends is closed at the latest after the head timeout and ${graceMs / 1000} s`,
      isMet: longestHeadMs <= headTimeoutMs + graceMs,
      said: `${(longestHeadMs / 1000).toFixed(1)} s`,
    });
  return marks;
}

// The process that measures one stage: `stage-main.ts NAME ROUNDS MILLISECONDS`, one line of JSON on stdout. Wants
// --expose-gc and a young generation of 64 MB, so that no collection falls into a count of bytes.
import { median } from '../figures.ts';
import type { StageFigures, StageReport } from './stage-figures.ts';
import { stages } from './stage-list.ts';

const [name = '', roundsText, millisecondsText] = process.argv.slice(2);
const rounds = Number(roundsText);
const milliseconds = Number(millisecondsText);
const { stage } = await stages[name]!();
const prepared = stage.prepare();
prepared.check();

type Run = (times: number) => number;
/** Kept so that no run is seen to be useless. */
let checksum = 0;

function timeOf(run: Run, times: number): number {
  const from = performance.now();
  checksum += run(times);
  return performance.now() - from;
}

/** As many operations as fill a round, found while the code warms up. */
function calibrate(run: Run): number {
  let times = 16;
  let tookMs = timeOf(run, times);
  while (tookMs < milliseconds / 2) {
    times *= tookMs < milliseconds / 20 ? 8 : 2;
    tookMs = timeOf(run, times);
  }
  for (let i = 0; i < 3; i++) tookMs = timeOf(run, times); // once more, now that it is optimised
  return Math.max(1, Math.round((times * milliseconds) / tookMs));
}

const countedTimes = 5000;

/** Bytes allocated an operation, inside and outside of V8's heap: the least of some counts, since others only add. */
function allocatedBytes(run: Run): number {
  const counts = Array.from({ length: 5 }, () => {
    globalThis.gc!();
    const before = process.memoryUsage();
    checksum += run(countedTimes);
    const after = process.memoryUsage();
    return after.heapUsed + after.external - before.heapUsed - before.external;
  });
  return Math.max(0, Math.min(...counts)) / countedTimes;
}

const runFast = prepared.runFast.bind(prepared);
const runPlain = prepared.runPlain.bind(prepared);
const fastTimes = calibrate(runFast);
const plainTimes = calibrate(runPlain);
const fastNs: number[] = [];
const plainNs: number[] = [];
for (let round = 0; round < rounds; round++) {
  fastNs.push((timeOf(runFast, fastTimes) * 1e6) / fastTimes);
  plainNs.push((timeOf(runPlain, plainTimes) * 1e6) / plainTimes);
}

function figures(nanoseconds: number[], run: Run): StageFigures {
  const ns = median(nanoseconds);
  return { nanoseconds: ns, perSecond: 1e9 / ns, bytes: allocatedBytes(run), rounds: nanoseconds };
}

const { what, plain } = stage;
const report: StageReport = {
  name,
  what,
  how: plain,
  fast: figures(fastNs, runFast),
  plain: figures(plainNs, runPlain),
};
if (!Number.isFinite(checksum)) throw new Error(`stage ${name} returns no number`);
process.stdout.write(`${JSON.stringify(report)}\n`);

// @alone: the load generator keeps a CPU busy and measures in microseconds
import { join } from 'node:path';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { startProcess } from '../harness/process.ts';
import { judgeOpen, type OpenMeasured, openDoubts } from './open-figures.ts';
import { loadOpenly, type OpenReport } from './open-load.ts';
import { intendedTimes, quantile } from './open-schedule.ts';

t.test('each request is due in its own slot, at the same times for the same seed', async (t) => {
  const times = intendedTimes(1000, 5000, 7);
  times.forEach((time, i) => {
    if (!(time >= i * 0.2 && time < (i + 1) * 0.2)) t.fail(`request ${i} is due at ${time}`);
  });
  t.same(intendedTimes(1000, 5000, 7), times);
  t.notSame(intendedTimes(1000, 5000, 8), times);
  const gaps = times.map((time, i) => (i === 0 ? 0.2 : time - times[i - 1]!));
  t.ok(Math.max(...gaps) > 0.3 && Math.min(...gaps) < 0.1, 'the gaps are not even');
});

t.test('a quantile is a value that was there', async (t) => {
  const sorted = Float64Array.from({ length: 200 }, (_, i) => i + 1);
  t.equal(quantile(sorted, 0.5), 100);
  t.equal(quantile(sorted, 0.99), 198);
  t.equal(quantile(sorted, 1), 200);
  t.equal(quantile(Float64Array.of(5), 0.01), 5);
  t.equal(quantile(new Float64Array(), 0.5), 0);
});

async function load(
  t: Owner,
  { perSecond, seconds, echo }: { perSecond: number; seconds: number; echo: number[] },
): Promise<OpenReport> {
  const main = join(import.meta.dirname, 'echo-main.ts');
  const running = await startProcess({
    command: process.execPath,
    args: [main, ...echo.map(String)],
    t,
    ready: /^port \d+$/,
  });
  const port = Number(/^port (\d+)$/m.exec(running.output())![1]);
  return loadOpenly({ port, host: 'echo', path: '/', connections: 8, perSecond, seconds, warmupSeconds: 0, seed: 1 });
}

t.test('a delay that is known is measured, and every request is answered', async (t) => {
  const none = await load(t, { perSecond: 25, seconds: 2, echo: [0] });
  const delayed = await load(t, { perSecond: 25, seconds: 2, echo: [4000] });
  t.match(delayed, { answered: 50, measured: 50, errors: 0 });
  const addedUs = delayed.minUs - none.minUs; // what others on the machine disturb least
  t.ok(addedUs > 3800 && addedUs < 8000, `4000 us were added, ${addedUs} measured`);
});

t.test('requests that were due while the server stood still are charged with the wait', async (t) => {
  // A closed loop would send 8 requests into each stall and show a p90 of a reply that comes at once.
  const report = await load(t, { perSecond: 1000, seconds: 2, echo: [0, 200, 300] });
  t.equal(report.errors, 0);
  t.ok(report.p90Us > 100_000, `two fifths of the time stood still for 200 ms; p90 is ${report.p90Us} us`);
  t.ok(report.starved > 100, `and the generator says how many found no connection: ${report.starved}`);
});

t.test('a server that is not there fails the load instead of measuring nothing', async (t) => {
  const server = await startProcess({
    command: process.execPath,
    args: [join(import.meta.dirname, 'echo-main.ts')],
    t,
    ready: /^port \d+$/,
  });
  const port = Number(/^port (\d+)$/m.exec(server.output())![1]);
  await server.stop();
  const gone = { port, host: 'echo', path: '/', connections: 2, perSecond: 100, seconds: 1, warmupSeconds: 0, seed: 1 };
  await t.rejects(loadOpenly(gone), /nothing was answered/);
});

function measuredOf(name: string, p50Us: number[], p99Us: number[], more: Partial<OpenReport> = {}): OpenMeasured {
  const blocks = p50Us.map((p50, round) => {
    const latencies = { minUs: 1, p10Us: 1, p50Us: p50, p90Us: 1, p99Us: p99Us[round]!, p999Us: 1, maxUs: 1 };
    const report = {
      answered: 100,
      starved: 0,
      errors: 0,
      measured: 100,
      ...latencies,
      lateP50Us: 1,
      lateP99Us: 5,
      ...more,
    };
    return { cpuSeconds: 1, busyShare: 0.1, foreignShare: 0, loadCpuShare: 1, report };
  });
  return { name, version: '1', isDirect: name === 'no proxy', blocks };
}

t.test('what is added is taken round by round, and judged on its medians', async (t) => {
  const direct = measuredOf('no proxy', [50, 500, 50], [100, 900, 100]);
  const haproxy = measuredOf('haproxy', [150, 600, 150], [200, 1000, 200]);
  const verdicts = (ours: OpenMeasured) => judgeOpen([direct, ours, haproxy]).map(({ isMet }) => isMet);
  t.strictSame(verdicts(measuredOf('meshlane', [165, 615, 165], [250, 1050, 250])), [true, true, true]);
  t.strictSame(verdicts(measuredOf('meshlane', [166, 616, 166], [251, 1051, 251], { errors: 1 })), [
    false,
    false,
    false,
  ]);
  const ours = measuredOf('meshlane', [165, 615, 165], [250, 1050, 250]);
  t.match(judgeOpen([direct, ours]), [{ isMet: null }, { isMet: null }, { isMet: true }]);
  const nothing = measuredOf('haproxy', [50, 500, 50], [100, 900, 100]);
  t.match(judgeOpen([direct, ours, nothing])[0], { isMet: null, said: /adds? nothing/ });
});

t.test('a generator that was late is named', async (t) => {
  t.strictSame(openDoubts([measuredOf('haproxy', [1], [2])]), []);
  const late = measuredOf('haproxy', [150], [200], { lateP99Us: 51, starved: 3 });
  t.match(openDoubts([late]), [/haproxy.*51 us late/, /haproxy: 3 requests had to wait/]);
  const others = [measuredOf('no proxy', [50], [100]), measuredOf('meshlane', [60], [110])];
  t.match(judgeOpen([...others, late]), [{ isMet: null, said: /was late/ }, { isMet: null }, { isMet: true }]);
});

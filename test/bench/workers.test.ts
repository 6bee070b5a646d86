import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { benchDocuments, writeDocuments } from './mesh-config.ts';
import { loadOpenly } from './open-load.ts';
import { mainFile, root } from './start-meshlane.ts';
import { countWorkers, difference, probeFlags, unevenness, type WorkerCount } from './worker-shares.ts';
import { judgeWorkers, type WorkersMeasured } from './workers-figures.ts';

t.test('the probe counts every request once, by the worker that answered it', async (t) => {
  const echo = await startProcess({
    command: process.execPath,
    args: [join(import.meta.dirname, 'echo-main.ts')],
    t,
    ready: /^port \d+$/,
  });
  const origin = Number(/^port (\d+)$/m.exec(echo.output())![1]);
  const port = await freePort();
  const documents = benchDocuments({ outbound: port, admin: await freePort(), origin, spans: 9 }, { workers: 2 });
  const proxy = await startProcess({
    command: process.execPath,
    args: [...probeFlags, mainFile, 'proxy', '--config', writeDocuments(documents, tempFolder(t), 'proxy.yaml')],
    cwd: root,
    t,
    ready: /^ready: /,
  });
  const before = await countWorkers(proxy, 2);
  const load = { host: 'catalog', path: '/api/items/42', connections: 16, perSecond: 200, seconds: 1 };
  const { answered } = await loadOpenly({ ...load, port, warmupSeconds: 0, seed: 1 });
  const counts = difference(before, await countWorkers(proxy, 2));
  t.equal(counts.length, 2);
  t.equal(
    counts.reduce((sum, { requests }) => sum + requests, 0),
    answered,
  );
  t.equal(
    counts.reduce((sum, { connections }) => sum + connections, 0),
    16,
  );
});

const counts = (...requests: number[]): WorkerCount[] =>
  requests.map((count, thread) => ({ thread, connections: 1, requests: count }));

t.test('unevenness is the largest distance from an even share', async (t) => {
  t.equal(unevenness(counts(100, 100)), 0);
  t.equal(unevenness(counts(120, 80)), 0.2);
  t.equal(unevenness(counts(100, 100, 40)), 0.5);
  t.throws(() => unevenness(counts(0, 0)), RangeError);
  t.throws(() => difference([], counts(1)), /another one than before/);
});

function measuredOf(workers: number, cpuUsOfOne: number, shares: WorkerCount[][]): WorkersMeasured {
  const use = { cpuSeconds: cpuUsOfOne / 1e6, busyShare: 1, foreignShare: 0, loadCpuShare: 1 };
  const latencies = {
    minUs: 1,
    p10Us: 1,
    p50Us: 1,
    p90Us: 1,
    p99Us: 1,
    p999Us: 1,
    maxUs: 1,
    lateP50Us: 1,
    lateP99Us: 1,
  };
  const open = shares.map((counts) => ({
    ...use,
    counts,
    report: { answered: 1, starved: 0, errors: 0, measured: 1, ...latencies },
  }));
  const full = shares.map(() => ({
    ...use,
    originBusyShare: 0,
    requestsPerSecond: 1,
    requestsPerCpuSecond: 1e6 / cpuUsOfOne,
    bytesPerCpuSecond: 1,
    errors: 0,
    report: { requests: 1, bytes: 1, durationUs: 1, meanUs: 1, p50Us: 1, p99Us: 1, errors: { status: 0 } },
  }));
  return { workers, apart: full.map((block) => [block]), part: full.map((block) => [block]), open, full, spread: full };
}

t.test('workers are judged on what a request costs them and on the worst round of their shares', async (t) => {
  const one = measuredOf(1, 100, [counts(10), counts(10)]);
  const verdicts = (cpuUs: number, ...shares: WorkerCount[][]) =>
    judgeWorkers(one, measuredOf(2, cpuUs, shares)).map(({ isMet }) => isMet);
  t.strictSame(verdicts(104.9, counts(100, 100), counts(120, 80)), [true, true, true, true]);
  t.strictSame(verdicts(105.1, counts(100, 100), counts(121, 79)), [false, false, false, true]);
  const onEither = {
    ...one,
    apart: one.apart.map(([block]) => [block!, { ...block!, requestsPerCpuSecond: 1e6 / 200 }]),
  };
  t.ok(judgeWorkers(onEither, measuredOf(2, 157, [counts(1, 1), counts(1, 1)]))[0]!.isMet, '150 for one, on two CPUs');
});

// The process behind `runFleet`: simulated sidecars, and whoever changes the mesh.
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { callApi } from '../../controlplane/plane.ts';
import { until } from '../../harness/until.ts';
import { cpuSecondsOf, residentBytesOf } from '../proc.ts';
import { benchResources, instance, instancesPerService, route, serviceName, services } from './bench-mesh.ts';
import { CommitWatch } from './commit-watch.ts';
import { Fleet } from './fleet.ts';
import type { PushLoad, PushReport, SustainedReport } from './push-load.ts';

const load = JSON.parse(process.argv[2]!) as PushLoad;
const { url, pid, sidecars, pushPort: port } = load;

/** Changes before the measured ones, in which code becomes warm. */
const warmup = 10;
/** So that each is the first after silence: longer than a control plane may wait to merge a change with others. */
const silenceMs = 300;
const settleMs = 1_000;
const servicesPerScope = 5;
const batchSize = 100;
/** The bar is 5,000 changes a second; a little more is tried. */
const batchesPerSecond = 55;

const applied = async (revision: number | string) =>
  (await callApi(url, 'GET', `/v1/rollouts/${revision}`)).body.applied === sidecars;

async function apply(resources: object[]): Promise<number> {
  const { status, body } = await callApi(url, 'POST', '/v1/apply', { resources });
  if (status !== 200) throw new Error(`apply answered ${status}: ${JSON.stringify(body).slice(0, 500)}`);
  return body.revision;
}

async function measureChanges(): Promise<PushReport> {
  const before = residentBytesOf(pid).now;
  const fleet = new Fleet({ port, count: sidecars, scopeOf: null, backoffMs: () => 0 });
  let startedMs = performance.now();
  await fleet.open();
  const openedMs = performance.now() - startedMs;
  await wait(settleMs);
  const commits = new CommitWatch(url);
  const effectiveMs: number[] = [];
  const knownMs: number[] = [];
  let { cpuMs, kernelTicks, allTicks } = { cpuMs: 0, ...ticksOf(pid) };
  for (let change = -warmup; change < load.changes; change++) {
    if (change === 0) ({ kernelTicks, allTicks } = ticksOf(pid));
    const cpuBefore = cpuSecondsOf(pid);
    const { body: last } = await callApi(url, 'GET', '/v1/rollouts/latest');
    const synced = fleet.synced(last.revision + 1);
    const revision = await apply([route(change + warmup, change + warmup + 1)]);
    await synced;
    const syncedMs = performance.now();
    await until(() => applied(revision), { everyMs: 0, what: 'the answers of all' });
    const appliedMs = performance.now();
    const committedMs = await until(() => commits.timeOf(revision), { everyMs: 1, what: 'word of the commit' });
    await wait(silenceMs);
    if (change < 0) continue;
    effectiveMs.push(syncedMs - committedMs);
    knownMs.push(appliedMs - committedMs);
    cpuMs += (cpuSecondsOf(pid) - cpuBefore) * 1000;
  }
  const after = ticksOf(pid);
  commits.close();
  const bytesPerSidecar = (residentBytesOf(pid).now - before) / sidecars;
  startedMs = performance.now();
  await fleet.reconnect();
  const reconnectedMs = performance.now() - startedMs;
  fleet.close();
  return {
    openedMs,
    effectiveMs,
    knownMs,
    cpuMs: cpuMs / load.changes,
    kernelShare: (after.kernelTicks - kernelTicks) / Math.max(1, after.allTicks - allTicks),
    bytesPerSidecar,
    reconnectedMs,
  };
}

/** Fields 14 and 15 of /proc/PID/stat, proc(5). */
function ticksOf(process: number): { kernelTicks: number; allTicks: number } {
  const line = readFileSync(`/proc/${process}/stat`, 'utf8');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [user, kernel] = [Number(fields[11]), Number(fields[12])];
  return { kernelTicks: kernel, allTicks: user + kernel };
}

async function measureSustained(): Promise<SustainedReport> {
  let updates = 0;
  const scopeOf = (index: number) =>
    Array.from({ length: servicesPerScope }, (_, i) => serviceName(index * 7 + i * 13));
  const onUpdate = () => {
    updates++;
  };
  const fleet = new Fleet({ port, count: sidecars, scopeOf, backoffMs: () => 0, onUpdate });
  await fleet.open();
  await wait(settleMs);
  updates = 0;
  const cpuBefore = cpuSecondsOf(pid);
  const startedMs = performance.now();
  const elapsed = () => (performance.now() - startedMs) / 1000;
  let batches = 0;
  for (; elapsed() < load.seconds; batches++) {
    const aheadMs = (batches / batchesPerSecond - elapsed()) * 1000;
    if (aheadMs > 0) await wait(aheadMs);
    const first = batches * batchSize;
    await apply(
      Array.from({ length: batchSize }, (_, i) => instance((first + i) % (services * instancesPerService), first + i)),
    );
  }
  const seconds = elapsed();
  const cpuShare = (cpuSecondsOf(pid) - cpuBefore) / seconds;
  const updatesPerSecond = updates / seconds;
  const endedMs = performance.now();
  await until(() => applied('latest'), { everyMs: 5, timeoutMs: 30_000, what: 'all in sync' });
  const settledMs = performance.now() - endedMs;
  fleet.close();
  return { changesPerSecond: (batches * batchSize) / seconds, settledMs, cpuShare, updatesPerSecond };
}

await apply(benchResources());
const report = load.changes > 0 ? await measureChanges() : await measureSustained();
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));

// @alone: a thousand changes a second take a CPU.
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { residentBytesOf } from '../../bench/proc.ts';
import { until } from '../../harness/until.ts';
import { callApi } from '../plane.ts';
import { startPlaneProcess } from '../plane-process.ts';
import { Sidecar } from '../sidecar.ts';

/** `STEADY_SECONDS=60` makes it as long as it should be once in a while. */
const seconds = Number(process.env.STEADY_SECONDS ?? 3);
const perSecond = 1_000;
const batch = 20;
const services = 20;
const names = 400;
const mostGrownBytes = 150e6;

const instance = (i: number, change: number) => ({
  kind: 'Instance',
  name: `i-${i}`,
  labels: { change: `${change}` },
  spec: { service: `s-${(i + change) % services}`, address: '127.0.0.1', port: 9000 },
});

t.test(`1,000 changes a second for ${seconds} s leave every sidecar in sync and memory as it was`, async (t) => {
  const plane = await startPlaneProcess(t, 'sqlite::memory:');
  // The first round moves all instances of every other service away.
  const apply = (resources: object[]) => callApi(plane.url, 'POST', '/v1/apply?confirm=true', { resources });
  await apply(Array.from({ length: services }, (_, i) => ({ kind: 'Service', name: `s-${i}` })));
  await apply(Array.from({ length: names }, (_, i) => instance(i, 0)));
  const scopes = Array.from({ length: 30 }, (_, i) =>
    i < 3 ? null : [`s-${i % services}`, `s-${(i * 7) % services}`],
  );
  const sidecars = scopes.map((scope, i) => new Sidecar(t, plane.push, `s-${i}`, { scope }));
  await until(() => sidecars.every(({ updates }) => updates.length > 0));
  const before = residentBytesOf(plane.pid).now;
  const startedMs = performance.now();
  let changes = 0;
  for (; changes < seconds * perSecond; changes += batch) {
    const aheadMs = (changes / perSecond) * 1000 - (performance.now() - startedMs);
    if (aheadMs > 0) await wait(aheadMs);
    const { status } = await apply(
      Array.from({ length: batch }, (_, i) => instance((changes + i) % names, changes + i)),
    );
    if (status !== 200) throw new Error(`apply answered ${status}`);
    for (const { updates } of sidecars) updates.length = 0; // what came is in the documents
  }
  const rate = changes / ((performance.now() - startedMs) / 1000);
  const items = (await callApi(plane.url, 'GET', '/v1/instances')).body.items as {
    name: string;
    revision: number;
    spec: { service: string };
  }[];
  const isInSync = ({ documents }: Sidecar, i: number) => {
    const wanted = items.filter(({ spec }) => scopes[i]?.includes(spec.service) ?? true);
    const has = [...documents.keys()].filter((key) => key.startsWith('Instance/')).length;
    return (
      has === wanted.length &&
      wanted.every(({ name, revision }) => documents.get(`Instance/${name}`)?.revision === revision)
    );
  };
  await until(() => sidecars.every(isInSync), { timeoutMs: 5_000, what: 'every sidecar in sync' });
  const grown = residentBytesOf(plane.pid).now - before;
  t.comment(`${rate.toFixed(0)} changes a second; the control plane grew by ${(grown / 1e6).toFixed(0)} MB`);
  t.ok(grown < mostGrownBytes);
  t.same(
    sidecars.filter(({ ended }) => ended !== null),
    [],
  );
});

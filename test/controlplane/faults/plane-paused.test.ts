import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { callApi } from '../plane.ts';
import { startPlaneProcess } from '../plane-process.ts';
import { callInstance, register, Sidecar } from '../sidecar.ts';

const leaseSeconds = 2;
const pausedMs = 6000;

t.test('a control plane that stood still for three leases takes nobody out and goes on where it was', async (t) => {
  const plane = await startPlaneProcess(t, `sqlite:${tempFolder(t)}/mesh.db`);
  const names = ['a-1', 'b-1', 'c-1'];
  const sidecars = names.map((name) => new Sidecar(t, plane.push, name));
  for (const [i, name] of names.entries()) {
    const spec = { service: name.slice(0, 1), address: '127.0.0.1', port: 9000 + i, leaseSeconds };
    await register(sidecars[i]!.client, { kind: 'Instance', name, spec });
  }
  const seesAll = (sidecar: Sidecar) => names.every((name) => sidecar.documents.has(`Instance/${name}`));
  await until(() => sidecars.every(seesAll), { what: 'every instance at every sidecar' });
  const before = sidecars.map(({ updates }) => updates.length);

  process.kill(plane.pid, 'SIGSTOP');
  await wait(pausedMs); // the fault itself: longer than the leases
  process.kill(plane.pid, 'SIGCONT');

  // Heartbeats come as they would from sidecars: a while after, each by itself.
  for (const [i, name] of names.entries()) {
    await wait(300);
    const lease = await callInstance(sidecars[i]!.client, 'heartbeat', name);
    t.equal(lease.leaseSeconds, leaseSeconds, `the lease of ${name} goes on`);
  }
  const resumedMs = performance.now();
  await callApi(plane.url, 'PUT', '/v1/services/late', {});
  await until(() => sidecars.every(({ documents }) => documents.has('Service/late')), {
    timeoutMs: 5000,
    what: 'a later change at every sidecar',
  });
  t.ok(performance.now() - resumedMs < 5000);
  sidecars.forEach((sidecar, i) => {
    t.ok(seesAll(sidecar), `${names[i]} kept all instances`);
    const since = sidecar.updates.slice(before[i]);
    t.equal(since.flatMap(({ removed }) => removed).length, 0, `${names[i]} was told of nobody who left`);
    t.equal(sidecar.ended, null, `the stream of ${names[i]} went on`);
  });
});

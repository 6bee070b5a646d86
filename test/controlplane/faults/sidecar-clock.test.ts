import t from 'tap';
import { systemClock } from '../../../shared/time/clock.ts';
import { until } from '../../harness/until.ts';
import { startPlane, toEcho } from '../plane.ts';
import { Sidecar } from '../sidecar.ts';

t.test('a clock on the wall that jumps, even back, changes nothing for sidecars', async (t) => {
  let jumpedMs = 0;
  const clock = { ...systemClock, wallMs: () => systemClock.wallMs() + jumpedMs };
  const plane = await startPlane(t, { clock, ackTimeoutMs: 2_000 });
  await plane.call('PUT', '/v1/services/echo', {});
  const leased = {
    kind: 'Instance',
    name: 'i',
    spec: { service: 'echo', address: '127.0.0.1', port: 1, leaseSeconds: 30 },
  };
  await plane.call('PUT', '/v1/instances/i', leased);
  const [fine, slow] = [new Sidecar(t, plane.push, 'fine'), new Sidecar(t, plane.push, 'slow')];
  await until(() => fine.updates.length === 1 && slow.updates.length === 1);
  slow.autoAck = null;
  for (const [i, hours] of [24, -48, 24 * 365, -24 * 3650].entries()) {
    jumpedMs += hours * 3_600_000;
    const { body } = await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { i: `${i}` } });
    await until(() => fine.updates.at(-1)!.revision >= body.revision, { everyMs: 1, timeoutMs: 1_000 });
  }
  t.same([fine.ended, slow.ended], [null, null], 'nobody is cut off before its time');
  t.ok(fine.documents.has('Instance/i'), 'no lease ran out');
  t.ok(await until(() => slow.ended), 'and not later either');
});

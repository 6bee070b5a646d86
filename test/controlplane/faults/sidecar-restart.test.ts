// @alone: five hundred sidecars have five seconds to come back.
import t from 'tap';
import { updateCodec } from '../../../shared/discovery/messages.ts';
import { Fleet } from '../../bench/push/fleet.ts';
import { freePort } from '../../harness/free-port.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { callApi, toEcho } from '../plane.ts';
import { startPlaneProcess } from '../plane-process.ts';

const count = 500;
/** As the sidecars' own: up to 2 s, at random. */
const spreadMs = 2_000;

t.test(
  '500 sidecars are in sync 5 s after their control plane was killed and started again, and lose nothing',
  async (t) => {
    const store = `sqlite:${tempFolder(t)}/mesh.db`;
    const [api, push] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const plane = await startPlaneProcess(t, store, { api, push });
    const resources = [
      ...Array.from({ length: 20 }, (_, i) => ({ kind: 'Service', name: `s-${i}` })),
      ...Array.from({ length: 60 }, (_, i) => ({
        kind: 'Instance',
        name: `i-${i}`,
        spec: { service: `s-${i % 20}`, address: '127.0.0.1', port: 9000 + i },
      })),
    ];
    await callApi(plane.url, 'POST', '/v1/apply', { resources });
    let emptied = 0;
    const fleet = new Fleet({
      port: Number(push.split(':')[1]),
      count,
      scopeOf: (index) => [`s-${index % 20}`],
      backoffMs: () => Math.random() * spreadMs,
      onUpdate: (_, bytes) => {
        const { full, resources, removed } = updateCodec.decode(bytes);
        if (removed.length > 0 || (full && resources.length < 23)) emptied++;
      },
    });
    t.teardown(() => fleet.close());
    await fleet.open();
    await plane.kill9();
    const restartedMs = performance.now();
    const again = await startPlaneProcess(t, store, { api, push });
    const startedMs = performance.now();
    const { body } = await callApi(again.url, 'POST', '/v1/apply', {
      resources: [
        { kind: 'Service', name: 'echo' },
        { kind: 'Route', name: 'late', ...toEcho },
      ],
    });
    await fleet.synced(body.revision);
    const [startMs, syncMs] = [startedMs - restartedMs, performance.now() - startedMs];
    t.comment(`started in ${startMs.toFixed(0)} ms, all in sync ${syncMs.toFixed(0)} ms later`);
    t.ok(syncMs < 5_000);
    t.equal(emptied, 0, 'nobody was told that something is gone');
    const status = async () => (await callApi(again.url, 'GET', '/v1/status')).body.sidecars.connected;
    await until(async () => (await status()) === count);
  },
);

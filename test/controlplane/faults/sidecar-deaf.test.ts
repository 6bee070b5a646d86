import t from 'tap';
import { sidecarMessageCodec } from '../../../shared/discovery/messages.ts';
import { FrameType, Setting } from '../../harness/http2/frame.ts';
import { frameClient } from '../../harness/http2/frame-client.ts';
import { dataFrame, headersFrame, windowUpdateFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { type Plane, startPlane } from '../plane.ts';
import { helloOf, Sidecar } from '../sidecar.ts';

const text = 'x'.repeat(256);
const labels = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`label-${i}`, text]));

/** A mesh whose snapshot is `count` times 16 kB. */
async function startLargeMesh(t: Owner, count: number, options: { ackTimeoutMs?: number } = {}): Promise<Plane> {
  const plane = await startPlane(t, options);
  for (let from = 0; from < count; from += 100) {
    const resources = Array.from({ length: 100 }, (_, i) => ({ kind: 'Service', name: `s-${from + i}`, labels }));
    const { status } = await plane.call('POST', '/v1/apply', { resources });
    if (status !== 200) throw new Error(`apply answered ${status}`);
  }
  return plane;
}

/** A sidecar that says Hello, lets everything come and reads nothing. */
async function startDeaf(t: Owner, plane: Plane, name: string) {
  const hello = sidecarMessageCodec.encode({ hello: helloOf(name) });
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(hello.length, 1);
  const client = await frameClient(t, plane.pushAddress.port, { settings: [[Setting.initialWindowSize, 2 ** 31 - 1]] });
  await client.frame(FrameType.settings);
  client.socket.pause();
  const fields = headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/meshlane.discovery.v1.Discovery/Stream'],
    [':authority', 'x'],
    ['content-type', 'application/grpc'],
  ]);
  client.send(
    windowUpdateFrame(0, 2 ** 31 - 65_536),
    headersFrame(1, fields),
    dataFrame(1, Buffer.concat([prefix, hello])),
  );
  return client;
}

t.test(
  'sidecars that read nothing cost no copy of the snapshot each, and another is served within a second',
  async (t) => {
    const plane = await startLargeMesh(t, 400, { ackTimeoutMs: 2_000 });
    const first = new Sidecar(t, plane.push, 'first');
    await until(() => first.updates.length === 1);
    const before = process.memoryUsage().arrayBuffers;
    const deaf = await Promise.all(Array.from({ length: 20 }, (_, i) => startDeaf(t, plane, `deaf-${i}`)));
    const count = async () => (await plane.call('GET', '/v1/status')).body.sidecars.connected;
    await until(async () => (await count()) === 21);
    const startedMs = performance.now();
    const fine = new Sidecar(t, plane.push, 'fine');
    await until(() => fine.documents.size === 400, { everyMs: 5 });
    await plane.call('PUT', '/v1/services/late', {});
    await until(() => fine.documents.has('Service/late') && first.documents.has('Service/late'), { everyMs: 5 });
    const tookMs = performance.now() - startedMs;
    t.ok(tookMs < 1_000, `took ${tookMs.toFixed(0)} ms`);
    const grownBytes = process.memoryUsage().arrayBuffers - before;
    t.ok(
      grownBytes < 60e6,
      `20 of them, and two that read, hold ${(grownBytes / 1e6).toFixed(0)} MB; the snapshot has 6.5`,
    );
    await until(async () => (await count()) === 2, { what: 'the cut' });
    for (const client of deaf) {
      client.socket.resume();
      const { end } = await client.reply(1);
      t.ok(end === 'whole' || end === 'closed', 'it reads why, or was cut off');
    }
    t.equal(fine.ended, null);
  },
);

t.test('a snapshot of more than 16 MB arrives whole', async (t) => {
  const plane = await startLargeMesh(t, 1_100);
  const sidecar = new Sidecar(t, plane.push, 's');
  await until(() => sidecar.updates.length === 1);
  t.equal(sidecar.documents.size, 1_100);
  const name = 's-1099';
  t.same(sidecar.documents.get(`Service/${name}`), (await plane.call('GET', `/v1/services/${name}`)).body);
  await plane.call('PUT', '/v1/services/late', {});
  await until(() => sidecar.documents.has('Service/late'));
});

import t from 'tap';
import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import { PushHub } from '../../../controlplane/push/push-hub.ts';
import type { SidecarStream } from '../../../controlplane/push/sidecar-stream.ts';
import { mostBytes } from '../../../controlplane/push/tell.ts';
import { nobodyElse, type Telling, type Told } from '../../../controlplane/push/told.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { helloOf } from '../sidecar.ts';

const silent = { info: () => undefined, warn: () => undefined };
const count = 1_000;
const nameOf = (i: number) => `${'cart-in-a-cluster-with-a-long-name'.repeat(3)}-${i}`;

/** A hub long after its start, with a thousand sidecars that have revision 1 of a service. */
function startHub(t: Owner) {
  let skippedMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + skippedMs };
  const catalog = new Catalog(silent, clock);
  const store = (revision: number) => {
    const value = JSON.stringify({ kind: 'Service', name: 'echo', labels: { at: `${revision}` }, spec: {} });
    const entry = { key: 'Service/echo', value, revision, created: 1, lease: null };
    catalog.onChange({ revision, events: [{ type: 'put', entry }] });
  };
  store(1);
  const hub = new PushHub(catalog, clock, silent);
  t.teardown(() => hub.close());
  const skip = (ms: number) => {
    skippedMs += ms;
  };
  skip(10_000);
  const add = (name: string) =>
    hub.open(
      helloOf(name),
      '',
      () => undefined,
      () => undefined,
    );
  const streams = Array.from({ length: count }, (_, i) => add(nameOf(i)));
  const answer = (stream: SidecarStream, revision: number, error?: string) => {
    const key = { kind: 'Service' as const, name: 'echo' };
    stream.ack({ revision, rejected: error === undefined ? [] : [{ key, revision, error }] });
  };
  for (const stream of streams) answer(stream, 1);
  const write = (revision: number) => {
    store(revision);
    return until(() => streams.every((stream) => stream.waitingMs > 0), { what: 'an update for everybody' });
  };
  return { hub, streams, add, answer, write, skip };
}

const sizeOf = (telling: Telling) => Buffer.byteLength(JSON.stringify(telling));
/** As another control plane that has no sidecar tells of it. */
const rolloutBy = (hub: PushHub, revision: number, telling: Telling) => {
  const other: Told = { ...telling, replica: 'other' };
  return hub.rollout(revision, { told: [other], hasElder: true })!;
};

t.test('what is told of a thousand sidecars', async (t) => {
  const { hub, streams, add, answer, write, skip } = startHub(t);
  const idle = hub.tell(nobodyElse, 0);
  t.same(idle, { revision: 1, connected: count, laggards: [], refusing: 0, refusals: [], here: [] });

  await t.test('does not change while an update is on its way', async (t) => {
    await write(2);
    for (const stream of streams.slice(1)) answer(stream, 2);
    t.same(hub.tell(nobodyElse, 1), idle);
    t.match(rolloutBy(hub, 2, idle), { state: 'progressing', unheard: [{ replica: 'other', sidecars: count }] });
    skip(1_000);
    const told = hub.tell(nobodyElse, 1);
    t.match(told, { revision: 2, laggards: [{ sidecar: nameOf(0), acked: 1, connected: true }] });
    answer(streams[0]!, 2);
    t.same(hub.tell(nobodyElse, 2), { ...idle, revision: 2 });
  });

  await t.test(
    'has the name of a sidecar that came back or catches up, and leaves the others as they were',
    async (t) => {
      const late = add('late');
      const told = hub.tell(nobodyElse, 2);
      t.match(told, { revision: 2, laggards: [{ sidecar: 'late', acked: 0 }] });
      t.match(rolloutBy(hub, 2, told).laggards, [{ sidecar: 'late' }]);
      await write(3);
      for (const stream of streams) answer(stream, 3);
      answer(late, 2);
      t.match(hub.tell(nobodyElse, 3), { revision: 3, laggards: [{ sidecar: 'late', acked: 2 }] });
      hub.remove(late);
    },
  );

  await t.test('has a bound, and claims nothing of those that it has no room for', async (t) => {
    hub.letGo(['late']);
    await write(4);
    skip(1_000);
    const told = hub.tell(nobodyElse, 3);
    t.ok(told.laggards.length > 50 && told.laggards.length < count);
    t.ok(sizeOf(told) < mostBytes + 500);
    const rollout = rolloutBy(hub, 4, told);
    t.match(rollout, { state: 'progressing', applied: 0, unheard: [{ sidecars: count - told.laggards.length }] });
    t.equal(rolloutBy(hub, 3, told).unheard.length, 0, 'all have what was before');
  });

  await t.test('counts all refusals, with the text of some', (t) => {
    for (const stream of streams) answer(stream, 4, 'x'.repeat(4_000));
    const told = hub.tell(nobodyElse, 3);
    t.ok(told.refusals.length >= 10 && told.refusals.length < count);
    t.ok(sizeOf(told) < mostBytes + 500);
    t.match(told, { revision: 4, refusing: count, laggards: [] });
    t.match(rolloutBy(hub, 4, told), { state: 'rejected', applied: 0, total: 2 * count });
    t.end();
  });

  await t.test('answers for the laggards of others that are here', (t) => {
    const laggard = (sidecar: string) => ({ sidecar, service: 'cart', acked: 1, connected: false });
    const laggards = [laggard('unknown'), ...streams.map((_stream, i) => laggard(nameOf(i)))];
    const others = { told: [{ ...idle, replica: 'other', laggards }], hasElder: true };
    const { here } = hub.tell(others, 4);
    t.ok(here.length > 50 && here.length < count);
    t.notOk(here.includes('unknown'));
    t.end();
  });
});

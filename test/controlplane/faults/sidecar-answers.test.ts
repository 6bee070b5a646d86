import t from 'tap';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { until } from '../../harness/until.ts';
import { type Plane, startPlane, toEcho } from '../plane.ts';
import { Sidecar } from '../sidecar.ts';

const put = (plane: Plane, name: string, i: number) =>
  plane.call('PUT', `/v1/routes/${name}`, { ...toEcho, labels: { i: `${i}` } });

/** Every one has the latest of all that the plane has. */
const inSync = async (plane: Plane, ...sidecars: Sidecar[]) => {
  const routes = (await plane.call('GET', '/v1/routes')).body.items as { name: string; revision: number }[];
  return sidecars.every(({ documents }) =>
    routes.every(({ name, revision }) => documents.get(`Route/${name}`)?.revision === revision),
  );
};

t.test('a sidecar that never answers is cut off, comes back, and delays nobody meanwhile', async (t) => {
  const plane = await startPlane(t, { ackTimeoutMs: 500 });
  await plane.call('PUT', '/v1/services/echo', {});
  const silent = new Sidecar(t, plane.push, 'silent', { autoAck: false });
  const fine = new Sidecar(t, plane.push, 'fine');
  await until(() => silent.updates.length === 1 && fine.updates.length === 1);
  for (let i = 0; i < 30; i++) {
    const { body } = await put(plane, 'r', i);
    const storedMs = performance.now();
    await until(() => fine.updates.at(-1)!.revision >= body.revision, { everyMs: 1 });
    t.ok(performance.now() - storedMs < 1_000);
  }
  t.equal(silent.updates.length, 1, 'it gets no second update before it answers the first');
  t.match(await until(() => silent.ended), { code: grpc.status.DEADLINE_EXCEEDED, details: /connect again/ });
  const back = new Sidecar(t, plane.push, 'silent');
  await until(() => inSync(plane, back, fine));
  t.equal(back.updates.length, 1, 'all at once');
});

t.test('a sidecar that refuses everything for ever stays connected, and others apply', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const [picky, fine] = [new Sidecar(t, plane.push, 'picky'), new Sidecar(t, plane.push, 'fine')];
  picky.autoAck = ({ resources }) =>
    resources.map(({ key, revision }) => ({ key, revision, error: 'x'.repeat(10_000) }));
  for (let i = 0; i < 40; i++) await put(plane, `r${i % 4}`, i);
  await until(
    async () => (await plane.call('GET', '/v1/rollouts/latest')).body.summary === 'applied 1/2, rejected by 1',
  );
  await until(() => inSync(plane, picky, fine));
  const [, { rejected }] = (await plane.call('GET', '/v1/sidecars')).body.items;
  t.ok(rejected.length <= 5, 'one refusal for each resource, however often it was refused');
  t.ok(rejected.every(({ error }: { error: string }) => error.length <= 4_096));
  t.equal(picky.ended, null);
  picky.autoAck = () => [];
  for (let i = 0; i < 4; i++) await put(plane, `r${i}`, 100 + i);
  await until(async () => (await plane.call('GET', '/v1/rollouts/latest')).body.summary === 'applied 2/2');
});

t.test('answers to what was never sent, came before or came twice count for nothing', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const odd = new Sidecar(t, plane.push, 'odd', { autoAck: false });
  await until(() => odd.updates.length === 1);
  const [first] = odd.updates;
  const ack = (revision: number) => odd.stream.write({ ack: { revision, rejected: [] } });
  for (const revision of [0, first!.revision - 1, first!.revision + 1, 2 ** 40]) ack(revision);
  const { body } = await put(plane, 'r', 1);
  await plane.call('GET', '/v1/sidecars');
  t.equal(odd.updates.length, 1, 'the first one is still unanswered');
  ack(first!.revision);
  ack(first!.revision);
  await until(() => odd.updates.length === 2);
  ack(first!.revision);
  ack(2 ** 40);
  await put(plane, 'r', 2);
  const state = async () => (await plane.call('GET', `/v1/rollouts/${body.revision}`)).body;
  t.match(await state(), { state: 'progressing', laggards: [{ sidecar: 'odd' }] });
  t.equal(odd.updates.length, 2);
  odd.ack(odd.updates[1]!);
  await until(() => odd.updates.length === 3);
  odd.ack(odd.updates[2]!);
  await until(async () => (await state()).summary === 'applied 1/1');
  t.equal(odd.ended, null);
});

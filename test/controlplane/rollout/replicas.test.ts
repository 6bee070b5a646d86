import t from 'tap';
import { rankOf } from '../../../controlplane/rollout/sidecar-rank.ts';
import { openStore } from '../../../controlplane/store/open-store.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { startPlane, toEcho } from '../plane.ts';
import { Sidecar } from '../sidecar.ts';

const route = (v: string, rollout: object) => ({ ...toEcho, labels: { v }, rollout });

t.test('control planes on one store tell each other what their sidecars say', await skipWithout('etcd'), async (t) => {
  const { address } = await startEtcd(t);
  const store = `etcd://${address}/rollouts`;
  const [a, b] = [await startPlane(t, { store }), await startPlane(t, { store })];
  await a.call('PUT', '/v1/services/echo', {});
  const names = ['echo-0', 'echo-1', 'echo-2', 'echo-3'].toSorted(
    (x, y) => rankOf(x, 'Route/r') - rankOf(y, 'Route/r'),
  );
  const [first, ...others] = names.map((name, i) => new Sidecar(t, (i === 0 ? b : a).push, name));
  const hasVersion = (v: string) => (sidecar: Sidecar) =>
    JSON.stringify(sidecar.documents.get('Route/r') ?? null).includes(`"v":"${v}"`);
  const stateOf = async () => (await a.call('GET', '/v1/routes/r')).body.status?.rollout;

  await until(() => [first!, ...others].every(({ documents }) => documents.has('Service/echo')));
  await a.call('PUT', '/v1/routes/r', route('1', { interval: '1s', steps: ['25%', '100%'] }));
  await until(() => hasVersion('1')(first!), { what: 'the one at the other control plane being the first' });
  t.notOk(others.some(hasVersion('1')));
  await until(async () => (await stateOf()).state === 'done', { timeoutMs: 20_000 });
  await until(() => others.every(hasVersion('1')));

  first!.autoAck = ({ resources }) => resources.map(({ key, revision }) => ({ key, revision, error: 'not here' }));
  await a.call('PUT', '/v1/routes/r', route('2', { interval: '60s' }));
  const rollout = await until(async () => {
    const state = await stateOf();
    return state.state === 'rolledBack' && state;
  });
  t.match(rollout, { reason: `sidecar ${names[0]} refused it: not here`, isRestored: true });
  t.notOk(
    others.some(({ updates }) =>
      updates.some(({ resources }) => resources.some(({ document }) => document.includes('"v":"2"'))),
    ),
  );

  const reader = await openStore(store, systemClock);
  t.teardown(() => reader.close());
  await until(async () => (await reader.list('meta/rollout/')).entries.length === 0, {
    what: 'what was told being gone',
  });
});

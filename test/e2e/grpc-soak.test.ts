import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { openChannel } from '../conformance/grpc/grpc-js-client.ts';
import { startGrpcJsServer } from '../conformance/grpc/grpc-js-server.ts';
import { sumOf } from '../harness/metrics-page.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { grpcLoad } from './grpc-load.ts';
import { acquaint, startPlane, startSidecar } from './mesh.ts';

const calls = 10_000;
const changeEveryMs = 1000;

/** All calls of app to one version. */
const routeTo = (version: string) => ({
  spec: { hostnames: ['app'], rules: [{ backends: [{ service: 'app', labels: { version } }] }] },
});

t.test('10,000 calls through two proxies do not notice that their route changes every second', async (t) => {
  const state = tempFolder(t);
  const plane = await startPlane(t, `sqlite:${tempFolder(t)}/mesh.db`);
  await plane.call('PUT', '/v1/services/app', { spec: { protocol: 'grpc' } });
  await plane.call('PUT', '/v1/routes/x', routeTo('v1'));
  const start = async (version: string) => {
    const port = await startGrpcJsServer(t);
    const more = ['--labels', `version=${version}`, '--app-port', String(port)];
    return startSidecar(t, { push: plane.push, state, name: `app-${version}`, service: 'app', more });
  };
  const servers = await Promise.all([start('v1'), start('v2')]);
  const caller = await startSidecar(t, { push: plane.push, state, name: 'caller', service: 'caller' });
  await acquaint(caller, 'app', 2);

  const load = grpcLoad(openChannel(t, caller.outbound), { calls, perSecond: 1000, width: 32 });
  const pause = () => Promise.race([wait(changeEveryMs).then(() => true), load.then(() => false)]);
  const revisions: number[] = [];
  while (await pause()) {
    const { status, body } = await plane.call('PUT', '/v1/routes/x', routeTo(revisions.length % 2 === 0 ? 'v2' : 'v1'));
    t.equal(status, 200);
    revisions.push(body.revision);
  }
  const failures = await load;
  t.equal(failures.length, 0, `failed calls, the first of them: ${failures.slice(0, 3).join('; ')}`);
  t.ok(revisions.length >= 5, `${revisions.length} changes`);
  const last = revisions.at(-1);
  const rollout = await until(async () => {
    const { body } = await plane.call('GET', `/v1/rollouts/${last}`);
    return body.state === 'applied' && body;
  });
  t.equal(rollout.summary, 'applied 3/3');
  for (const server of servers) {
    const answered = sumOf(await server.metrics(), 'meshlane_requests_total', { direction: 'inbound' });
    t.ok(answered > calls / 10, `${answered} calls at one version`);
  }
});

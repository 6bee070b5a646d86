import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { byHand } from '../etcd-by-hand.ts';
import { startPlane } from '../plane.ts';
import { runCli } from '../run-cli.ts';
import { fill, instance, namesOf } from './mesh.ts';

const needsEtcd = await skipWithout('etcd');

t.test('apply says what would be lost, and does it with --confirm', async (t) => {
  const plane = await startPlane(t);
  const env = { MESHLANE_API: plane.url };
  await fill(plane, { instances: 3 });
  await plane.call('PUT', '/v1/services/other', {});
  const stdin = JSON.stringify([1, 2, 3].map((i) => instance(`echo-${i}`, { service: 'other' })));
  const documents = JSON.parse(stdin)
    .map((one: object) => JSON.stringify(one))
    .join('\n---\n');
  t.match(await runCli(['apply', '-f', '-'], { env, stdin: documents }), {
    code: 1,
    stderr: /take away all 3 instances of service "echo"; .*--confirm/,
  });
  t.match(await runCli(['apply', '-f', '-', '--confirm'], { env, stdin: documents }), {
    code: 0,
    stdout: /^Instance\/echo-1 changed$/m,
  });
});

t.test('holds shows and decides', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);
  const store = `etcd://${address}/cli`;
  const plane = await startPlane(t, { store });
  const env = { MESHLANE_API: plane.url };
  t.match(await runCli(['holds'], { env }), { code: 0, stdout: 'nothing is held\n' });
  await fill(plane, { routes: 30 });
  await byHand(store).wipe();
  const [{ id }] = await until(async () => {
    const { items } = (await plane.call('GET', '/v1/holds')).body;
    return items.length > 0 && items;
  });
  const shown = await runCli(['holds'], { env });
  t.match(shown.stdout, new RegExp(`^held since \\S+: 31 resources \\(${id}\\): .*all 30 routes\n  Service/echo\n`));
  t.match(shown.stdout, /\n {2}and 11 more; -o json shows all\n$/);
  t.equal(JSON.parse((await runCli(['holds', '-o', 'json'], { env })).stdout).items[0].resources.length, 31);
  t.match((await runCli(['status'], { env })).stdout, new RegExp(`\\(${id}\\).*\nsee meshlane holds\n`));
  t.match(await runCli(['holds', 'keep', id], { env }), { code: 2, stderr: /confirm or restore and one ID/ });
  t.match(await runCli(['holds', 'confirm', 'none'], { env }), { code: 1, stderr: /there is no hold "none"/ });
  t.match(await runCli(['holds', 'restore', id], { env }), { code: 0, stdout: `${id} restored\n` });
  t.equal((await namesOf(plane, 'routes')).length, 30);
  t.match(await runCli(['holds'], { env }), { stdout: 'nothing is held\n' });
});

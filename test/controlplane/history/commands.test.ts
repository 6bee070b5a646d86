import t from 'tap';
import { until } from '../../harness/until.ts';
import { echo, type Plane, startPlane, toEcho } from '../plane.ts';
import { runCli } from '../run-cli.ts';
import { Sidecar } from '../sidecar.ts';

const cli = (plane: Plane, ...args: string[]) => runCli(args, { env: { MESHLANE_API: plane.url } });

t.test('history, diff and rollback lead from a change back to what was', async (t) => {
  const plane = await startPlane(t);
  t.match(await cli(plane, 'history'), { code: 0, stdout: 'nothing was changed yet\n' });
  const { headers } = await plane.call('POST', '/v1/apply', {
    resources: [echo, { ...toEcho, kind: 'Route', name: 'r' }],
  });
  const revision = String(headers['x-meshlane-revision']);
  await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { v: '2' } });
  await plane.call('PUT', '/v1/services/new', {});

  const history = await cli(plane, 'history', '--limit', '2');
  t.match(history, {
    code: 0,
    stdout: /^REVISION +AT +BY +WHAT\n\d+ +\S+Z +anonymous +created Service\/new\n.*changed Route\/r\n$/,
  });
  t.match(await cli(plane, 'history', revision), { code: 0, stdout: /\nService\/echo created\nRoute\/r created\n$/ });
  t.match(JSON.parse((await cli(plane, 'history', revision, '-o', 'json')).stdout), {
    changes: [{ after: { name: 'echo' } }, {}],
  });

  const diff = await cli(plane, 'diff', revision);
  t.equal(diff.stdout, '  Route/r\n    /labels/v\n    + "2"\n\n+ Service/new\n');
  t.match(JSON.parse((await cli(plane, 'diff', revision, revision, '-o', 'json')).stdout), { resources: [] });

  const dry = await cli(plane, 'rollback', revision, '--dry-run');
  t.match(dry, { code: 0, stdout: /Service\/new would be removed\n.*Route\/r would be changed\ndry run/s });
  t.match(await cli(plane, 'rollback', revision, '--wait'), { code: 0, stdout: /Route\/r changed\napplied 0\/0/ });
  t.match(await cli(plane, 'rollback', revision), { code: 0 });
  t.match(await cli(plane, 'diff', revision), { stdout: /^the configuration is the same/ });
  t.match(await cli(plane, 'rollback', '1'), { code: 1, stderr: /the history begins at revision/ });
});

t.test('wrong words are told with an example', async (t) => {
  const plane = await startPlane(t);
  for (const args of [['diff'], ['rollback'], ['rollback', 'latest'], ['history', '1', '2'], ['diff', '1', '2', '3']])
    t.match(await cli(plane, ...args), { code: 2, stderr: /such as: meshlane/ }, args.join(' '));
  for (const name of ['history', 'diff', 'rollback'])
    t.match(await cli(plane, name, '--help'), { code: 0, stdout: /Examples:/ });
});

t.test('apply --wait follows a rollout to its end, and fails with the reason when it is taken back', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const sidecar = new Sidecar(t, plane.push, 'echo-0');
  await until(() => sidecar.updates.length > 0);
  const apply = (v: string, rollout: object, ...more: string[]) => {
    const stdin = JSON.stringify({ ...toEcho, kind: 'Route', name: 'r', labels: { v }, rollout });
    return runCli(['apply', '-f', '-', '--wait', ...more], { env: { MESHLANE_API: plane.url }, stdin });
  };
  const done = await apply('1', { interval: '1s', steps: ['50%', '100%'] });
  t.match(done, {
    code: 0,
    stdout: /applied 1\/1, Route\/r for 50% of the sidecars\n.*applied 1\/1 \(revision \d+\)\n$/s,
  });
  t.match(await apply('2', {}, '--timeout', '1s'), {
    code: 1,
    stdout: /still waiting after 1s for:\n {2}Route\/r, at step 1 \(5%\)\n/,
  });
  sidecar.autoAck = ({ resources }) => resources.map(({ key, revision }) => ({ key, revision, error: 'never' }));
  const refused = await apply('3', {});
  t.match(refused, { code: 1, stdout: /Route\/r was taken back at 5%: sidecar echo-0 refused it: never\n/ });
});

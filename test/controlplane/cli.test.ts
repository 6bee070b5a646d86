import { writeFileSync } from 'node:fs';
import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { echo, echo1, type Plane, startPlane, toEcho } from './plane.ts';
import { runCli } from './run-cli.ts';
import { Sidecar } from './sidecar.ts';

const mesh = `
kind: Service
name: echo
---
kind: Instance
name: echo-1
spec: { service: echo, address: 127.0.0.1, port: 9000, leaseSeconds: 60 }
---
kind: Route
name: everything
spec:
  rules:
    - backends: [{ service: echo }]
`;

const at = (plane: Plane) => ({ MESHLANE_API: plane.url });

t.test('apply creates what a file says, then finds it unchanged; a dry run stores nothing', async (t) => {
  const plane = await startPlane(t);
  const file = `${tempFolder(t)}/mesh.yaml`;
  writeFileSync(file, mesh);
  const dry = await runCli(['apply', '-f', file, '--dry-run'], { env: at(plane) });
  t.match(dry, { code: 0, stdout: /Route\/everything would be created\ndry run: nothing was stored/ });
  t.equal((await plane.call('GET', '/v1/status')).body.resources.routes, 0);
  const first = await runCli(['apply', '-f', file, '--api', plane.url.replace('http://', '')]);
  t.match(first, {
    code: 0,
    stdout: 'Service/echo created\nInstance/echo-1 created\nRoute/everything created\n',
    stderr: '',
  });
  const again = await runCli(['apply', '-f', '-', '-o', 'json'], { env: at(plane), stdin: mesh });
  t.match(JSON.parse(again.stdout), {
    effects: [{ action: 'unchanged' }, { action: 'unchanged' }, { action: 'unchanged' }],
  });
});

t.test('what get printed can be applied again', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, echo1, { kind: 'Route', name: 'r', ...toEcho }] });
  for (const form of ['json', 'yaml']) {
    const got = await runCli(['get', 'routes', '-o', form], { env: at(plane) });
    const applied = await runCli(['apply', '-f', '-'], { env: at(plane), stdin: got.stdout });
    t.match(applied, { code: 0, stdout: 'Route/r unchanged\n' }, form);
  }
  t.match(await runCli(['get', 'Instance'], { env: at(plane) }), {
    stdout: /^NAME .*\necho-1 +echo +127\.0\.0\.1:9000 +up +- /,
  });
  t.match(JSON.parse((await runCli(['get', 'service', 'echo', '-o', 'json'], { env: at(plane) })).stdout), {
    name: 'echo',
  });
  t.match(await runCli(['get', 'policies'], { env: at(plane) }), { code: 0, stdout: 'there are no policies\n' });
});

t.test('apply --wait succeeds when all have applied, and fails naming who refused and why', async (t) => {
  const plane = await startPlane(t);
  const sidecar = new Sidecar(t, plane.push, 'echo-1');
  await until(() => sidecar.updates.length === 1);
  const fine = await runCli(['apply', '-f', '-', '--wait'], { env: at(plane), stdin: mesh });
  t.match(fine, { code: 0, stdout: /applied 1\/1 \(revision \d+\)\n$/ });
  sidecar.autoAck = ({ resources }) => resources.map(({ key, revision }) => ({ key, revision, error: 'out of luck' }));
  const changed = mesh.replace('name: everything', 'name: everything\nlabels: { v: "2" }');
  const refused = await runCli(['apply', '-f', '-', '--wait'], { env: at(plane), stdin: changed });
  t.match(refused, {
    code: 1,
    stdout: /applied 0\/1, rejected by 1[^\n]*\n {2}echo-1 refused Route\/everything: out of luck\n$/,
  });
  sidecar.autoAck = null;
  const waiting = await runCli(['apply', '-f', '-', '--wait', '--timeout', '300ms'], { env: at(plane), stdin: mesh });
  t.match(waiting, { code: 1, stdout: /still waiting after 300ms for:\n {2}echo-1 \(echo\) is at revision \d+\n$/ });
});

t.test('status shows the store, sidecars, instances and the latest rollout', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', {
    resources: [echo, echo1, { ...echo1, name: 'echo-2', spec: { ...echo1.spec, status: 'down' } }],
  });
  const sidecar = new Sidecar(t, plane.push, 'echo-1');
  await until(() => sidecar.updates.length === 1);
  await until(async () => (await plane.call('GET', '/v1/rollouts/latest')).body.state === 'applied');
  const { stdout, code } = await runCli(['status'], { env: at(plane) });
  t.equal(code, 0);
  t.match(stdout, /store sqlite::memory:, revision/);
  t.match(stdout, /latest rollout: applied 1\/1/);
  t.match(stdout, /echo +http1 +1\/2/);
  t.match(stdout, /echo-1 +echo +connected/);
  t.match(JSON.parse((await runCli(['status', '-o', 'json'], { env: at(plane) })).stdout), {
    sidecars: { connected: 1 },
  });
});

t.test('faults come with the document and the pointer, and the exit code is 1', async (t) => {
  const plane = await startPlane(t);
  const bad = `${mesh}---\nkind: Route\nname: bad\nspec: { rules: [{ backends: [{ service: nope, weight: -1 }] }] }\n`;
  const reply = await runCli(['apply', '-f', '-'], { env: at(plane), stdin: bad });
  t.equal(reply.code, 1);
  t.match(reply.stderr, /document 4 \(Route\/bad\) \/spec\/rules\/0\/backends\/0\/weight: must be >= 0/);
  t.match(
    reply.stderr,
    /document 4 \(Route\/bad\) \/spec\/rules\/0\/backends\/0\/service: service "nope" does not exist/,
  );
  t.equal((await plane.call('GET', '/v1/status')).body.resources.services, 0);
  t.match(await runCli(['apply', '-f', '-'], { env: at(plane), stdin: 'a: [' }), {
    code: 1,
    stderr: /standard input is not YAML or JSON/,
  });
  t.match(await runCli(['get', 'route', 'nope'], { env: at(plane) }), {
    code: 1,
    stderr: /Route\/nope does not exist/,
  });
});

t.test('wrong words exit with 2, and a control plane that is away is told with what to start', async (t) => {
  t.match(await runCli(['get', 'things']), { code: 2, stderr: /known are services, instances, routes, policies/ });
  t.match(await runCli(['get']), { code: 2 });
  t.match(await runCli(['apply']), { code: 2, stderr: /-f FILE is required/ });
  t.match(await runCli(['status', '-o', 'xml']), { code: 2, stderr: /-o must be one of table, json/ });
  t.match(await runCli(['control-plane', '--insecure', '--api', 'nowhere']), {
    code: 2,
    stderr: /--api must be HOST:PORT/,
  });
  t.match(await runCli(['control-plane', '--insecure', '--store', 'mysql:x']), {
    code: 1,
    stderr: /--store must be sqlite:FILE/,
  });
  t.match(await runCli(['dev', '--for', '600h']), {
    code: 2,
    stderr: /--for takes 576h \(24 days\) at most; got "600h"/,
  });
  const api = `127.0.0.1:${await freePort()}`;
  t.match(await runCli(['status', '--api', api]), {
    code: 1,
    stderr: /no control plane answers at .*start one with "meshlane control-plane"/,
  });
  t.match(await runCli(['apply', '-f', '/nowhere.yaml', '--api', api]), {
    code: 1,
    stderr: /cannot read \/nowhere\.yaml/,
  });
});

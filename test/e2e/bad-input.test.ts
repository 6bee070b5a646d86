import t from 'tap';
import { runCli } from '../controlplane/run-cli.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { Caller } from './caller.ts';
import { acquaint, startApp, startPlane, startSidecar } from './mesh.ts';

/** Five faults in one document; a text, since `__proto__` would get lost in an object of ours. */
const faulty = (kindAndName: string) => `{
  ${kindAndName}
  "labels": { "team": "shop", "__proto__": "polluted" },
  "spec": {
    "hostnames": ["shop"],
    "colour": "red",
    "rules": [
      { "backends": [{ "service": "nowhere" }] },
      { "matches": [{ "path": { "type": "RegularExpression", "value": "/(" } }],
        "backends": [{ "service": "product", "weight": -1 }] }
    ]
  }
}`;

const pointers = [
  '/labels/__proto__',
  '/spec/colour',
  '/spec/rules/0/backends/0/service',
  '/spec/rules/1/backends/0/weight',
  '/spec/rules/1/matches/0/path/value',
];

t.test('a document with five faults is refused whole, and nobody notices', async (t) => {
  const plane = await startPlane(t, 'sqlite::memory:');
  await plane.call('PUT', '/v1/services/product', {});
  const good = { spec: { hostnames: ['shop'], rules: [{ backends: [{ service: 'product' }] }] } };
  await plane.call('PUT', '/v1/routes/shop', good);
  const state = tempFolder(t);
  const product = { push: plane.push, state, service: 'product', name: 'product-1' };
  const sidecar = await startSidecar(t, { ...product, app: await startApp(t, 'product-1') });
  const revisionOf = async () => (await plane.call('GET', '/v1/status')).body.revision as number;
  await acquaint(sidecar, 'product', 1);
  await until(async () => (await sidecar.snapshot()).revision === (await revisionOf()), { what: 'a sidecar in sync' });
  const everything = async () => ({
    revision: await revisionOf(),
    routes: (await plane.call('GET', '/v1/routes')).body,
    services: (await plane.call('GET', '/v1/services')).body,
    sidecars: (await plane.call('GET', '/v1/sidecars')).body,
    snapshot: await sidecar.snapshot(),
  });
  const before = await everything();

  const checkProblem = (reply: Awaited<ReturnType<typeof plane.call>>, prefix = '') => {
    t.equal(reply.status, 400);
    t.match(reply.headers['content-type'], /^application\/problem\+json/);
    t.equal(reply.body.detail, 'Nothing was stored: 5 faults.');
    const told = reply.body.errors.map(({ pointer }: { pointer: string }) => pointer);
    t.strictSame(
      told.sort(),
      pointers.map((pointer) => prefix + pointer),
    );
  };
  checkProblem(await plane.call('PUT', '/v1/routes/shop', faulty('')));
  checkProblem(await plane.call('PUT', '/v1/routes/another', faulty('')));

  const document = faulty('"kind": "Route", "name": "shop",');
  const withGoodOne = `{ "resources": [{ "kind": "Service", "name": "fine", "spec": {} }, ${document}] }`;
  checkProblem(await plane.call('POST', '/v1/apply', withGoodOne), '/resources/1');

  const cli = await runCli(['apply', '-f', '-', '--api', plane.api], { stdin: document });
  t.equal(cli.code, 1);
  for (const pointer of pointers) t.match(cli.stderr, pointer);

  // A good change that follows is the next revision: nothing of the bad ones was stored or pushed in between.
  t.strictSame(await everything(), before);
  const { body } = await plane.call('PUT', '/v1/services/proof', {});
  t.equal(body.revision, before.revision + 1);
  await until(async () => (await sidecar.snapshot()).revision === body.revision);
  const names = (await sidecar.snapshot()).resources.map(({ kind, name }) => `${kind}/${name}`);
  t.strictSame(names.sort(), ['Instance/product-1', 'Route/shop', 'Service/product', 'Service/proof']);
  const caller = new Caller(sidecar.outbound);
  t.equal((await caller.ask({ host: 'shop' })).status, 200);
  caller.close();
});

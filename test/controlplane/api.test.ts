import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { echo, echo1, type Plane, startPlane, toEcho } from './plane.ts';

const pointersOf = (body: { errors: { pointer: string }[] }) => body.errors.map(({ pointer }) => pointer).sort();

async function revisionOf(plane: Plane): Promise<number> {
  return (await plane.call('GET', '/v1/status')).body.revision;
}

t.test('a PUT creates with 201, changes with 200, and tells the revision in body, ETag and header', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const created = await plane.call('PUT', '/v1/routes/r', toEcho);
  t.equal(created.status, 201);
  const { revision } = created.body;
  t.match(created, {
    headers: { etag: `"${revision}"`, 'x-meshlane-revision': String(revision) },
    body: { kind: 'Route', name: 'r', labels: {}, status: { created: revision } },
  });
  t.match(created.body.spec, {
    hostnames: ['*'],
    rules: [{ matches: [], backends: [{ service: 'echo', weight: 1 }] }],
  });
  const changed = await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { team: 'a' } });
  t.equal(changed.status, 200);
  t.ok(changed.body.revision > revision);
  t.equal(changed.body.status.created, revision, 'creation is kept');
  t.same((await plane.call('GET', '/v1/routes/r')).body, changed.body);
});

t.test('putting the same again keeps the revision', async (t) => {
  const plane = await startPlane(t);
  const first = await plane.call('PUT', '/v1/services/echo', echo);
  const before = await revisionOf(plane);
  const again = await plane.call('PUT', '/v1/services/echo', { ...first.body, revision: 999, status: 'nonsense' });
  t.equal(again.status, 200);
  t.same(again.body, first.body);
  t.equal(await revisionOf(plane), before);
});

t.test('kind and name in the body must agree with the path', async (t) => {
  const plane = await startPlane(t);
  const reply = await plane.call('PUT', '/v1/services/echo', { kind: 'Route', name: 'other' });
  t.equal(reply.status, 400);
  t.same(pointersOf(reply.body), ['/kind', '/name']);
});

t.test('one problem points at every fault of a document, and nothing is stored', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const before = await revisionOf(plane);
  const document =
    '{"labels":{"__proto__":"x","constructor":"fine"},"spec":{"surprise":1,"rules":[{"matches":[{"path":{"type":"RegularExpression","value":"(a"}}],"backends":[{"service":"nowhere","weight":-1}]}]}}';
  const faults = [
    '/labels/__proto__',
    '/spec/rules/0/backends/0/service',
    '/spec/rules/0/backends/0/weight',
    '/spec/rules/0/matches/0/path/value',
    '/spec/surprise',
  ];
  const put = await plane.call('PUT', '/v1/routes/bad', document);
  t.equal(put.status, 400);
  t.equal(put.headers['content-type'], 'application/problem+json; charset=utf-8');
  t.match(put.body, { type: '/docs#problem-invalid', status: 400, title: String, detail: /5 faults/ });
  t.same(pointersOf(put.body), faults);
  t.ok(put.body.errors.every(({ message }: { message: string }) => message.length > 5));

  const good = { kind: 'Service', name: 'good' };
  const bad = document.replace('{', '{"kind":"Route","name":"bad",');
  const apply = await plane.call('POST', '/v1/apply', `{"resources":[${JSON.stringify(good)},${bad}]}`);
  t.equal(apply.status, 400);
  t.same(
    pointersOf(apply.body),
    faults.map((pointer) => `/resources/1${pointer}`),
  );
  t.equal((await plane.call('GET', '/v1/services/good')).status, 404);
  t.equal((await plane.call('GET', '/v1/routes/bad')).status, 404);
  t.equal(await revisionOf(plane), before);
});

t.test('the same faults are found in YAML', async (t) => {
  const plane = await startPlane(t);
  const yaml =
    'kind: Route\nname: bad\nlabels: { __proto__: x }\nspec: { rules: [{ backends: [{ service: no, weight: -1 }] }] }';
  const reply = await plane.call('POST', '/v1/apply', yaml, { 'content-type': 'application/yaml' });
  t.same(pointersOf(reply.body), [
    '/resources/0/labels/__proto__',
    '/resources/0/spec/rules/0/backends/0/service',
    '/resources/0/spec/rules/0/backends/0/weight',
  ]);
});

t.test('apply stores all documents at one revision, whatever their order', async (t) => {
  const plane = await startPlane(t);
  const yaml = `kind: Route
name: r
spec: { rules: [{ backends: [{ service: echo }] }] }
---
kind: Service
name: echo
`;
  const reply = await plane.call('POST', '/v1/apply', yaml, { 'content-type': 'application/yaml' });
  t.equal(reply.status, 200);
  t.same(
    reply.body.effects.map((effect: { action: string; resource: { revision: number } }) => [
      effect.action,
      effect.resource.revision,
    ]),
    [
      ['created', reply.body.revision],
      ['created', reply.body.revision],
    ],
  );
  const json = await plane.call('POST', '/v1/apply', { resources: [echo, echo1] });
  t.match(json.body, { effects: [{ action: 'unchanged' }, { action: 'created' }] });
});

t.test('a resource that is given twice, an unknown kind and a body of another form are refused', async (t) => {
  const plane = await startPlane(t);
  const twice = await plane.call('POST', '/v1/apply', { resources: [echo, echo, { kind: 'Nothing', name: 'x' }, 5] });
  t.same(pointersOf(twice.body), ['/resources/1', '/resources/2/kind', '/resources/3']);
  t.same(pointersOf((await plane.call('POST', '/v1/apply', { resources: [], more: 1 })).body), ['/more']);
  t.same(pointersOf((await plane.call('POST', '/v1/apply', [echo])).body), ['']);
  t.same(pointersOf((await plane.call('POST', '/v1/apply', { resources: [] })).body), ['/resources']);
});

t.test('a dry run tells what would happen and stores nothing', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const before = await revisionOf(plane);
  const apply = await plane.call('POST', '/v1/apply?dryRun=true', {
    resources: [echo, { ...echo, name: 'new' }, { kind: 'Route', name: 'r', ...toEcho }],
  });
  t.match(apply.body, {
    dryRun: true,
    effects: [{ action: 'unchanged' }, { action: 'created' }, { action: 'created' }],
  });
  const put = await plane.call('PUT', '/v1/services/echo?dryRun', { spec: { protocol: 'tcp' } });
  t.match(put.body, { dryRun: true, effects: [{ action: 'changed', resource: { spec: { protocol: 'tcp' } } }] });
  const removal = await plane.call('DELETE', '/v1/services/echo?dryRun=true');
  t.match(removal.body, { dryRun: true, effects: [{ action: 'removed' }] });
  t.equal((await plane.call('PUT', '/v1/routes/r?dryRun=true', { spec: {} })).status, 400);
  t.equal(await revisionOf(plane), before);
  t.match((await plane.call('GET', '/v1/services/echo')).body, { spec: { protocol: 'http1' } });
});

t.test('If-Match and If-None-Match guard a change', async (t) => {
  const plane = await startPlane(t);
  const first = await plane.call('PUT', '/v1/services/echo', {}, { 'if-none-match': '*' });
  t.equal(first.status, 201);
  const stale = await plane.call('PUT', '/v1/services/echo', { labels: { a: '1' } }, { 'if-none-match': '*' });
  t.match(stale, { status: 412, body: { type: '/docs#problem-stale', detail: /is at revision/ } });
  const second = await plane.call(
    'PUT',
    '/v1/services/echo',
    { labels: { a: '1' } },
    { 'if-match': String(first.headers['etag']) },
  );
  t.equal(second.status, 200);
  for (const tag of [String(first.headers['etag']), `W/${second.headers['etag']}`, '"x"', '""'])
    t.equal((await plane.call('PUT', '/v1/services/echo', {}, { 'if-match': tag })).status, 412, tag);
  t.equal((await plane.call('PUT', '/v1/services/other', {}, { 'if-match': '*' })).status, 412);
  t.equal((await plane.call('DELETE', '/v1/services/echo', undefined, { 'if-match': '"1"' })).status, 412);
  const list = `"1", ${second.headers['etag']}`;
  t.equal((await plane.call('DELETE', '/v1/services/echo', undefined, { 'if-match': list })).status, 200);
  t.equal((await plane.call('GET', '/v1/services/echo')).status, 404);
});

t.test('a GET answers 304 to one who has the revision', async (t) => {
  const plane = await startPlane(t);
  const { headers } = await plane.call('PUT', '/v1/services/echo', {});
  t.equal(
    (await plane.call('GET', '/v1/services/echo', undefined, { 'if-none-match': String(headers['etag']) })).status,
    304,
  );
  t.equal((await plane.call('GET', '/v1/services/echo', undefined, { 'if-none-match': '"1"' })).status, 200);
});

t.test('a service that is used cannot be removed, and the answer names its users', async (t) => {
  const plane = await startPlane(t);
  const policy = { kind: 'Policy', name: 'p', spec: { targets: [{ kind: 'Service', name: 'echo' }] } };
  await plane.call('POST', '/v1/apply', { resources: [echo, echo1, { kind: 'Route', name: 'r', ...toEcho }, policy] });
  const reply = await plane.call('DELETE', '/v1/services/echo');
  t.match(reply, { status: 409, body: { detail: /Instance\/echo-1, Route\/r, Policy\/p/ } });
  for (const path of ['instances/echo-1', 'routes/r', 'policies/p']) await plane.call('DELETE', `/v1/${path}`);
  const gone = await plane.call('DELETE', '/v1/services/echo');
  t.match(gone, { status: 200, body: { name: 'echo' } });
  t.ok(Number(gone.headers['x-meshlane-revision']) > gone.body.revision);
  t.equal((await plane.call('DELETE', '/v1/services/echo')).status, 404);
});

t.test('a mirror needs a service that is there, and keeps it', async (t) => {
  const plane = await startPlane(t);
  const mirrors = [{ service: 'shadow', percent: 0.5 }];
  const spec = { rules: [{ backends: [{ service: 'echo' }], mirrors }] };
  const route = { kind: 'Route', name: 'r', spec };
  const missing = await plane.call('POST', '/v1/apply', { resources: [echo, route] });
  t.match(pointersOf(missing.body), ['/resources/1/spec/rules/0/mirrors/0/service']);
  await plane.call('POST', '/v1/apply', { resources: [echo, { kind: 'Service', name: 'shadow' }, route] });
  t.match(await plane.call('DELETE', '/v1/services/shadow'), { status: 409, body: { detail: /Route\/r/ } });
  for (const percent of [-1, 100.1, '5'])
    t.equal(
      (await plane.call('PUT', '/v1/routes/r', { spec: { rules: [{ mirrors: [{ service: 'shadow', percent }] }] } }))
        .status,
      400,
    );
  const five = { spec: { rules: [{ mirrors: Array(5).fill(mirrors[0]) }] } };
  t.equal((await plane.call('PUT', '/v1/routes/r', five)).status, 400);
});

t.test('two policies cannot say the same of one service', async (t) => {
  const plane = await startPlane(t);
  const policy = (name: string) => ({
    kind: 'Policy',
    name,
    spec: { targets: [{ name: 'echo' }], retry: { attempts: 1 } },
  });
  const both = await plane.call('POST', '/v1/apply', { resources: [echo, policy('a'), policy('b')] });
  t.equal(both.status, 400);
  t.match(pointersOf(both.body), ['/resources/1/spec/retry', '/resources/2/spec/retry']);
  t.equal((await plane.call('POST', '/v1/apply', { resources: [echo, policy('a')] })).status, 200);
  t.same(pointersOf((await plane.call('PUT', '/v1/policies/b', policy('b'))).body), ['/spec/retry']);
});

t.test('a list comes in pages by name and tells the revision', async (t) => {
  const plane = await startPlane(t);
  const names = Array.from({ length: 25 }, (_, i) => `s${String(i).padStart(2, '0')}`);
  await plane.call('POST', '/v1/apply', { resources: names.map((name) => ({ kind: 'Service', name })) });
  const seen: string[] = [];
  let path = '/v1/services?limit=10';
  for (let pages = 1; ; pages++) {
    const { body } = await plane.call('GET', path);
    seen.push(...body.items.map(({ name }: { name: string }) => name));
    t.equal(body.revision, await revisionOf(plane));
    if (!body.continue) {
      t.equal(pages, 3);
      break;
    }
    path = `/v1/services?limit=10&continue=${body.continue}`;
  }
  t.same(seen, names);
  t.equal((await plane.call('GET', '/v1/services')).body.items.length, 25);
});

t.test('every error is a problem', async (t) => {
  const plane = await startPlane(t);
  const cases: [number, string, string, unknown?, Record<string, string>?][] = [
    [404, 'GET', '/nothing'],
    [404, 'GET', '/v1/routes/none'],
    [404, 'GET', '/v1/rollouts/99999'],
    [404, 'GET', '/v1/rollouts/latest'],
    [404, 'GET', '/v1/rollouts/x'],
    [404, 'POST', '/v1/instances/none/heartbeat'],
    [405, 'PATCH', '/v1/routes/none', {}],
    [405, 'DELETE', '/v1/routes'],
    [405, 'GET', '/v1/apply'],
    [400, 'PUT', '/v1/routes/r', '{"a":'],
    [400, 'PUT', '/v1/routes/r', ''],
    [400, 'PUT', '/v1/routes/r'],
    [400, 'PUT', '/v1/routes/r', Buffer.from([0x22, 0xff, 0x22])],
    [400, 'PUT', '/v1/routes/r', '['.repeat(100_000) + ']'.repeat(100_000)],
    [400, 'PUT', '/v1/routes/r', 'a: [', { 'content-type': 'application/yaml' }],
    [400, 'PUT', '/v1/routes/r', '['.repeat(100_000), { 'content-type': 'application/yaml' }],
    [400, 'PUT', '/v1/routes/r', 'a: 1\n---\nb: 2', { 'content-type': 'application/yaml' }],
    [400, 'PUT', '/v1/services/Not_A_Name', {}],
    [400, 'PUT', `/v1/services/${'a'.repeat(254)}`, {}],
    [400, 'GET', '/v1/routes?limit=0'],
    [400, 'GET', '/v1/routes?limit=1&limit=2'],
    [400, 'GET', '/v1/routes?limt=1'],
    [400, 'GET', '/v1/routes?continue=x'],
    [400, 'GET', '/v1/routes?watch=maybe'],
    [400, 'GET', '/v1/routes/%zz'],
    [400, 'POST', '/v1/apply', { resources: [echo] }, { 'if-match': '"1"' }],
    [400, 'PUT', '/v1/services/echo', {}, { 'if-none-match': '"1"' }],
    [415, 'PUT', '/v1/routes/r', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }],
    [413, 'POST', '/v1/apply', `{"x":"${'x'.repeat(8 * 1024 * 1024)}"}`],
  ];
  for (const [status, method, path, body, headers] of cases) {
    const reply = await plane.call(method, path, body, headers);
    const title = `${method} ${path.slice(0, 60)}`;
    t.equal(reply.status, status, title);
    t.match(reply.headers['content-type'], /^application\/problem\+json/, title);
    t.match(reply.body, { type: String, title: String, status, detail: String }, title);
  }
  t.equal((await plane.call('PUT', `/v1/services/${'a'.repeat(253)}`, {})).status, 201, 'the longest name');
});

t.test('a body in the limit of 8 MiB is read', async (t) => {
  const plane = await startPlane(t);
  const reply = await plane.call(
    'POST',
    '/v1/apply',
    `{"resources":[${' '.repeat(8 * 1024 * 1024 - 100)}{"kind":"Service","name":"a"}]}`,
  );
  t.equal(reply.status, 200);
});

t.test('whoever got the answer of a write reads it, also with many writers', async (t) => {
  const plane = await startPlane(t);
  const revisions = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const { status, body } = await plane.call('PUT', `/v1/services/s${i}`, {});
      t.equal(status, 201);
      t.equal((await plane.call('GET', `/v1/services/s${i}`)).body.revision, body.revision);
      return body.revision;
    }),
  );
  t.equal(new Set(revisions).size, 100, 'each write has its own revision');
});

t.test('of many writers with the same ETag one wins', async (t) => {
  const plane = await startPlane(t);
  const { headers } = await plane.call('PUT', '/v1/services/echo', {});
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      plane.call('PUT', '/v1/services/echo', { labels: { writer: `${i}` } }, { 'if-match': String(headers['etag']) }),
    ),
  );
  t.same(replies.map(({ status }) => status).sort(), [200, ...Array.from({ length: 19 }, () => 412)]);
});

t.test('OpenAPI, its page, metrics and health are served', async (t) => {
  const plane = await startPlane(t);
  const { body: document } = await plane.call('GET', '/openapi.json');
  t.equal(document.openapi, '3.1.0');
  t.same(Object.keys(document.paths).sort(), [
    ...['apply', 'diff', 'history', 'history/{revision}', 'holds', 'holds/{id}'].map((path) => `/v1/${path}`),
    ...['instances', 'instances/{name}', 'instances/{name}/heartbeat', 'plan', 'policies', 'policies/{name}'].map(
      (path) => `/v1/${path}`,
    ),
    ...['rollback', 'rollouts/{revision}', 'routes', 'routes/{name}', 'services', 'services/{name}'].map(
      (path) => `/v1/${path}`,
    ),
    ...['sidecars', 'status', 'xds'].map((path) => `/v1/${path}`),
  ]);
  t.match(document.components.schemas.Route.properties.spec.properties.hostnames.default, ['*']);
  t.same(document.components.schemas.ServiceInput.required, ['kind', 'name']);
  const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name!,
  );
  for (const name of references) t.ok(document.components.schemas[name], name);
  const page = await plane.call('GET', '/docs');
  t.match(page.headers['content-type'], 'text/html');
  t.match(page.body, /id="problem-in_use"/);
  t.equal((await plane.call('GET', '/healthz')).body, 'ok\n');
  t.equal((await plane.call('GET', '/readyz')).body, 'ok\n');
  const metrics = (await plane.call('GET', '/metrics')).body;
  t.match(metrics, /meshlane_control_plane_requests_total\{method="GET",route="\/docs",status="200"\} 1/);
  t.match(metrics, /meshlane_control_plane_resources\{kind="Route"\} 0/);
});

t.test('a taken port is told in one line with its flag', async (t) => {
  const plane = await startPlane(t);
  await t.rejects(startPlane(t, { api: plane.apiAddress }), {
    message: new RegExp(`port ${plane.apiAddress.port} .* --api$`),
  });
  await t.rejects(startPlane(t, { push: plane.pushAddress }), {
    message: new RegExp(`port ${plane.pushAddress.port} .* --push$`),
  });
});

t.test(
  'a store takes the 10,000 resources that one request may have, and says how many when it takes less',
  async (t) => {
    const plane = await startPlane(t);
    const resources = Array.from({ length: 10_000 }, (_, i) => ({ kind: 'Service', name: `s${i}` }));
    t.equal((await plane.call('POST', '/v1/apply', { resources })).status, 200);
    const { status, body } = await plane.call('POST', '/v1/apply', { resources: [...resources, ...resources] });
    t.equal(status, 400);
    t.match(body.errors[0], { pointer: '/resources', message: /1 to 10000/ });
  },
);

t.test('of very many faults a hundred are told, and how many there are', async (t) => {
  const plane = await startPlane(t);
  const backends = Array.from({ length: 130_000 }, () => ({ service: 5 }));
  const route = { kind: 'Route', name: 'r', spec: { rules: [{ backends }] } };
  const { status, body } = await plane.call('POST', '/v1/apply', { resources: [route] });
  t.equal(status, 400);
  t.equal(body.errors.length, 100);
  t.match(body.detail, /13[0-9]{4} faults, of which 100 are told/);
});

t.test('4,000 policies are checked against each other in time that grows with their number', async (t) => {
  const plane = await startPlane(t);
  const resources = Array.from({ length: 4_000 }, (_, i) => [
    { kind: 'Service', name: `s${i}` },
    { kind: 'Policy', name: `p${i}`, spec: { targets: [{ name: `s${i}` }], timeouts: {} } },
  ]).flat();
  const startedMs = performance.now();
  const { status, body } = await plane.call('POST', '/v1/apply?dryRun=true', { resources });
  t.equal(status, 200, body.detail);
  t.ok(performance.now() - startedMs < 3_000, `${performance.now() - startedMs} ms`);
});

t.test('a list without its object is told what it should be', async (t) => {
  const plane = await startPlane(t);
  for (const body of [[echo], 5]) {
    const reply = await plane.call('POST', '/v1/apply', body);
    t.match(reply, { status: 400, body: { errors: [{ pointer: '', message: /must be an object with resources/ }] } });
  }
});

t.test('what is no HTTP request is refused as a problem too', async (t) => {
  const plane = await startPlane(t);
  const socket = connect(plane.apiAddress.port, '127.0.0.1');
  socket.write('NONSENSE\r\n\r\n');
  const answer = await text(socket);
  t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
  t.match(JSON.parse(answer.split('\r\n\r\n')[1]!), { status: 400, title: 'Bad Request' });
});

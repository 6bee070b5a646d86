import { writeFileSync } from 'node:fs';
import t from 'tap';
import { tempFolder } from '../../harness/temp-folder.ts';
import { echo, type Plane, startPlane } from '../plane.ts';
import { runCli } from '../run-cli.ts';

const route = (rules: object[]) => ({ kind: 'Route', name: 'r', spec: { hostnames: ['shop'], rules } });
const toEcho = { name: 'all', backends: [{ service: 'echo' }] };
const toNext = {
  name: 'new',
  matches: [{ path: { value: '/new' }, headers: [{ name: 'x-user', value: 'ada' }], source: { services: ['web'] } }],
  backends: [
    { service: 'next', weight: 1 },
    { service: 'echo', weight: 3 },
  ],
};
const requests = [
  { method: 'GET', host: 'shop', path: '/new/1?a=b', headers: { 'X-User': 'ada' }, source: { service: 'web' } },
  { authority: 'shop:80', path: '/new', headers: { 'x-user': 'ada' } },
  { host: 'shop', path: '/', headers: {} },
  { host: 'next', path: '/' },
];
const resources = [{ ...echo, name: 'next' }, route([toNext, toEcho])];

async function startShop(t: Parameters<typeof startPlane>[0]): Promise<Plane> {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, route([toEcho])] });
  return plane;
}

t.test('a plan tells which requests would go elsewhere, before and after', async (t) => {
  const plane = await startShop(t);
  const { status, body } = await plane.call('POST', '/v1/plan', { resources, requests });
  t.equal(status, 200, body.detail);
  t.match(body, { dryRun: true, requests: 4, effects: [{ action: 'created' }, { action: 'changed' }] });
  const all = { rule: 'r/all', reply: null, backends: [{ service: 'echo', percent: 100 }] };
  const none = { rule: null, reply: { code: 'route_not_found', status: 404 }, backends: [] };
  t.match(body.rerouted, [
    {
      index: 0,
      before: all,
      after: {
        rule: 'r/new',
        backends: [
          { service: 'next', percent: 25 },
          { service: 'echo', percent: 75 },
        ],
      },
    },
    { index: 3, before: none, after: { rule: '(service)', reply: null, backends: [{ service: 'next' }] } },
  ]);
  t.equal(body.rerouted.length, 2);
  t.equal((await plane.call('GET', '/v1/services/next')).status, 404, 'nothing is stored');
});

t.test('a route that would be new is younger than those that are there', async (t) => {
  const plane = await startShop(t);
  const { body } = await plane.call('POST', '/v1/plan', {
    resources: [{ ...route([{ ...toEcho, backends: [{ service: 'echo', labels: { v: '2' } }] }]), name: 'a' }],
    requests: [{ host: 'shop', path: '/' }],
  });
  t.same(body.rerouted, []);
});

t.test('faults of requests and resources are told with their place', async (t) => {
  const plane = await startShop(t);
  const faultsOf = async (value: object) =>
    (await plane.call('POST', '/v1/plan', { resources, requests, ...value })).body.errors;
  t.match(await faultsOf({ requests: [{ host: 'a' }, { path: '/' }, 5, { host: 'a b', path: '/' }, { x: 1 }] }), [
    { pointer: '/requests/0/path' },
    { pointer: '/requests/1/host' },
    { pointer: '/requests/2' },
    { pointer: '/requests/3' },
    { pointer: '/requests/4/x' },
  ]);
  t.match(await faultsOf({ requests: 'all' }), [{ pointer: '/requests' }]);
  t.match(await faultsOf({ resources: [{ kind: 'Route' }] }), [{ pointer: /^\/resources\/0/ }]);
});

t.test('apply --dry-run --requests prints the plan', async (t) => {
  const plane = await startShop(t);
  const folder = tempFolder(t);
  writeFileSync(`${folder}/r.jsonl`, requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  writeFileSync(`${folder}/bad.jsonl`, '{}\nnonsense\n');
  const stdin = resources.map((resource) => JSON.stringify(resource)).join('\n---\n');
  const run = (...more: string[]) => runCli(['apply', '-f', '-', ...more], { env: { MESHLANE_API: plane.url }, stdin });
  const { stdout, code } = await run('--dry-run', '--requests', `${folder}/r.jsonl`);
  t.equal(code, 0);
  t.match(stdout, /Route\/r would be changed\n/);
  t.match(
    stdout,
    /2 of 4 requests would go elsewhere:\n {2}GET http:\/\/shop\/new\/1\?a=b\n {4}- rule r\/all: to echo\n/,
  );
  t.match(stdout, /\+ rule r\/new: to next 25%, echo 75%\n/);
  t.match(await run('--requests', `${folder}/r.jsonl`), { code: 2, stderr: /takes --dry-run/ });
  t.match(await run('--dry-run', '--requests', `${folder}/bad.jsonl`), { code: 1, stderr: /line 2 is not JSON/ });
});

import { readFileSync } from 'node:fs';
import t from 'tap';
import { generatedFiles } from '../../../shared/resources/generated-files.ts';
import { readProxy, readResource } from '../../../shared/resources/read.ts';

const issuesOf = (document: unknown) => {
  const read = readResource(document);
  return read.ok ? [] : read.issues.map(({ pointer, message }) => `${pointer}: ${message}`);
};

t.test('generated files are up to date', async (t) => {
  for (const { path, text } of generatedFiles())
    t.ok(readFileSync(path, 'utf8') === text, `${path} is what npm run generate writes`);
});

t.test('defaults are filled in and the input is left alone', async (t) => {
  const input = {
    kind: 'Route',
    name: 'r',
    spec: { rules: [{ backends: [{ service: 'a' }], matches: [{ path: { value: '/' } }] }] },
  };
  const copy = structuredClone(input);
  const read = readResource(input);
  t.same(input, copy);
  t.match(read, {
    ok: true,
    value: {
      labels: {},
      spec: {
        hostnames: ['*'],
        rules: [{ backends: [{ weight: 1 }], matches: [{ path: { type: 'PathPrefix', value: '/' } }] }],
      },
    },
  });
});

t.test('every fault is reported with its place', async (t) => {
  t.same(
    issuesOf({
      kind: 'Route',
      name: 'Shop',
      colour: 'red',
      spec: {
        hostnames: ['UPPER.example', 'fine.example'],
        rules: [
          { backends: [{ service: 'a', weight: -1 }, { weight: 1 }], matches: [{ method: 'get' }] },
          { matches: [{ path: { type: 'RegularExpression', value: '(' } }], timeouts: { request: '5 seconds' } },
        ],
      },
    })
      .map((text) => text.slice(0, text.indexOf(':')))
      .sort(),
    [
      '/colour',
      '/name',
      '/spec/hostnames/0',
      '/spec/rules/0/backends/0/weight',
      '/spec/rules/0/backends/1/service',
      '/spec/rules/0/matches/0/method',
      '/spec/rules/1/matches/0/path/value',
      '/spec/rules/1/timeouts/request',
    ],
  );
});

t.test('messages name what is wrong and what would be right', async (t) => {
  t.same(issuesOf(null), [': must be an object with kind, name and spec']);
  t.same(issuesOf([]), [': must be an object with kind, name and spec']);
  t.same(issuesOf({ kind: 'Thing' }), ['/kind: must be one of Service, Instance, Route, Policy; got "Thing"']);
  t.same(issuesOf({ kind: 'Service', name: 'a', spec: { protocol: 'smtp' } }), [
    '/spec/protocol: must be one of http1, http2, grpc, tcp, auto; got "smtp"',
  ]);
  t.same(issuesOf({ kind: 'Instance', name: 'a', spec: { service: 's', address: 'h', port: 1, prot: 2 } }), [
    '/spec/prot: unknown field; known here: service, address, port, protocol, workers, weight, metadata, healthCheck, status, leaseSeconds',
  ]);
  t.same(issuesOf({ kind: 'Instance', name: 'a', spec: { service: 's', address: 'h' } }), ['/spec/port: is required']);
});

t.test('names that mean something to JavaScript are no way in', async (t) => {
  const hostile = JSON.parse('{"kind":"Service","name":"a","labels":{"__proto__":"x"},"spec":{}}') as unknown;
  t.equal(readResource(hostile).ok, false);
  const deeper = JSON.parse('{"kind":"Service","name":"a","__proto__":{"polluted":1}}') as unknown;
  t.equal(readResource(deeper).ok, false);
  t.equal(({} as { polluted?: number }).polluted, undefined);
  t.equal(readResource({ kind: 'Service', name: 'constructor' }).ok, true, 'a name like any other');
  t.equal(readResource({ kind: '__proto__', name: 'a' }).ok, false);
});

t.test('a Proxy document needs listeners', async (t) => {
  const read = readProxy({ kind: 'Proxy', name: 'edge', spec: { listeners: [] } });
  t.match(read, { ok: false, issues: [{ pointer: '/spec/listeners' }] });
});

t.test('a listener says where bytes go that are no HTTP, where that is needed and means something', async (t) => {
  const faults = (listener: object) => {
    const spec = { appPort: 1, listeners: [{ name: 'one', port: 0, ...listener }] };
    const read = readProxy({ kind: 'Proxy', name: 'edge', spec });
    return read.ok ? [] : read.issues.map(({ pointer, message }) => `${pointer}: ${message}`);
  };
  const at = '/spec/listeners/0/service';
  t.same(faults({ protocol: 'tcp' }), [
    `${at}: is required for protocol tcp: name the service that all connections go to`,
  ]);
  t.same(faults({ protocol: 'http2', service: 'db' }), [
    `${at}: a listener of protocol http2 carries nothing else; take auto or tcp`,
  ]);
  t.same(faults({ direction: 'inbound', protocol: 'tcp', service: 'db' }), [
    `${at}: only outbound listeners have one; inbound ones send everything to appPort`,
  ]);
  t.match(faults({ protocol: 'tcp', service: 'D B' }), [new RegExp(`^${at}: is not allowed: "D B"`)]);
  t.same(faults({ protocol: 'tcp', service: 'db' }), []);
  t.same(faults({ service: 'db' }), []);
  t.same(faults({ direction: 'inbound', protocol: 'tcp' }), []);
});

t.test('an address is an IP address or a host name', async (t) => {
  const at = (address: string) => issuesOf({ kind: 'Instance', name: 'i', spec: { service: 'a', address, port: 1 } });
  for (const address of [
    '127.0.0.1',
    '::1',
    '::',
    'fe80::1%eth0',
    '2001:db8::ff00:42:8329',
    '::ffff:10.0.0.1',
    'cart',
    'my_app.prod-2.local',
  ])
    t.strictSame(at(address), [], address);
  for (const address of ['', ' ', 'a b', 'http://a', 'a/b', 'a:80', '[::1]', 'a\r\nb', '-a', 'a'.repeat(254)])
    t.match(at(address), [/^\/spec\/address: /], JSON.stringify(address));
});

t.test('a balancer that follows keys says on what, and a table has a prime size', async (t) => {
  const of = (loadBalancer: object) =>
    issuesOf({ kind: 'Policy', name: 'p', spec: { targets: [{ name: 's' }], loadBalancer } });
  t.same(of({ policy: 'maglev', hashOn: { cookie: 'id' } }), []);
  t.same(of({ policy: 'ring-hash' }), [
    '/spec/loadBalancer/hashOn: is required for ring-hash, such as { header: x-user }',
  ]);
  t.same(of({ policy: 'maglev', hashOn: { path: true }, tableSize: 1001 }), [
    '/spec/loadBalancer/tableSize: must be a prime, such as 65537; got 1001',
  ]);
  for (const tableSize of [101, 65_537, 1_000_003])
    t.same(of({ policy: 'maglev', hashOn: { source: true }, tableSize }), [], `${tableSize}`);
  t.match(of({ policy: 'maglev', hashOn: { path: true, cookie: 'id' } })[0]!, 'hashOn: must NOT have more than 1');
  t.match(of({ policy: 'maglev', hashOn: {} })[0]!, 'hashOn: must NOT have fewer than 1');
  t.match(of({ policy: 'random', tableSize: 'x' })[0]!, 'tableSize: must be integer');
  t.same(of({ policy: 'round-robin', tableSize: 1001 }), [], 'of no use, and no harm');
});

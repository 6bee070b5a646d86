import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import t from 'tap';
import { makeTlsFiles } from '../bench/tls-files.ts';
import type { Owner } from '../harness/owner.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { route, serviceAt } from './harness/resources.ts';
import { type OriginRequest, reply, type ScriptedOrigin, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Who called, as the next hop hears it. All callers here are 127.0.0.1; what that is to a listener is its settings. */

const me = ['127.0.0.1'];
const trusting = { trusted: me, application: [] };
const suspicious = { application: [] };

/** An outbound listener with these forwarding settings, in front of an origin. */
async function hop(t: Owner, forwarding: object | undefined): Promise<{ port: number; origin: ScriptedOrigin }> {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const { port } = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { listeners: [{ name: 'out', port: 0, ...(forwarding === undefined ? {} : { forwarding }) }] },
  });
  return { port, origin };
}

/** What the next hop is told: all lines of such fields, in the order they came, without the ones of traces. */
function told(request: OriginRequest | undefined): string[] {
  const lines = request?.head.split('\r\n').slice(1, -2) ?? [];
  return lines.filter((line) => !/^(host|traceparent|content-length|transfer-encoding|connection):/i.test(line));
}

async function forwarded(t: Owner, forwarding: object | undefined, fields: string): Promise<string[]> {
  const { port, origin } = await hop(t, forwarding);
  await ask(t, port, get('/', 'app:81', fields));
  return told(origin.requests[0]);
}

t.test(
  'the application of an outbound listener is where requests begin: nothing is added to what it says',
  async (t) => {
    const said = [
      'X-Forwarded-For: 192.0.2.1, 10.0.0.1',
      'x-forwarded-proto: https',
      'Forwarded: for=192.0.2.1',
      'X-Real-IP: 192.0.2.1',
      'X-Forwarded-Prefix: /shop',
      'Via: 1.1 gateway',
    ];
    t.same(await forwarded(t, undefined, `${said.join('\r\n')}\r\n`), said);
  },
);

t.test('what a caller that is not trusted says about itself is replaced by its address', async (t) => {
  const lies = [
    'X-Forwarded-For: 192.0.2.1',
    'x-forwarded-for: 192.0.2.2, 192.0.2.3, 192.0.2.4',
    'X-FORWARDED-PROTO: https',
    'X-Forwarded-Host: bank.test',
    'X-Forwarded-Port: 443',
    'X-Forwarded-Prefix: /admin',
    'X-Forwarded: for=192.0.2.1',
    'Forwarded: for=192.0.2.1;proto=https',
    'X-Real-IP: 192.0.2.1',
    'X-Client-IP: 192.0.2.1',
    'X-Cluster-Client-IP: 192.0.2.1',
    'True-Client-IP: 192.0.2.1',
  ];
  const ours = ['X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: app:81'];
  t.same(await forwarded(t, suspicious, `Before: 1\r\n${lies.join('\r\n')}\r\nAfter: 2\r\n`), [
    'Before: 1',
    'After: 2',
    ...ours,
  ]);
  t.same(await forwarded(t, suspicious, ''), ours, 'and set where it says nothing');
});

t.test('what a trusted caller says is kept, and its address stands behind it in one line', async (t) => {
  t.same(
    await forwarded(
      t,
      trusting,
      'X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX: y\r\nX-Forwarded-For: \r\nx-forwarded-for:  10.0.0.2\r\nX-Forwarded-Host: shop.test\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 192.0.2.1\r\n',
    ),
    [
      'X-Forwarded-Proto: https',
      'X: y',
      'X-Forwarded-Host: shop.test',
      'X-Forwarded-Port: 443',
      'X-Real-IP: 192.0.2.1',
      'X-Forwarded-For: 192.0.2.1, 10.0.0.1, 10.0.0.2, 127.0.0.1',
    ],
  );
});

t.test('what a trusted caller leaves out is set', async (t) => {
  const ours = ['X-Forwarded-Proto: http', 'X-Forwarded-Host: app:81'];
  t.same(await forwarded(t, trusting, ''), ['X-Forwarded-For: 127.0.0.1', ...ours]);
  t.same(await forwarded(t, trusting, 'X-Forwarded-For: a\r\n'), ['X-Forwarded-For: a, 127.0.0.1', ...ours]);
  t.same(await forwarded(t, trusting, 'X-Forwarded-Proto: https\r\n'), [
    'X-Forwarded-Proto: https',
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Host: app:81',
  ]);
});

t.test('Forwarded is sent as RFC 7239 §4 writes it, and carries on what a trusted caller sent', async (t) => {
  const ours = 'for=127.0.0.1;proto=http;host="app:81"';
  const fields = 'forwarded';
  t.same(await forwarded(t, { ...suspicious, fields }, 'Forwarded: for=192.0.2.1\r\n'), [`Forwarded: ${ours}`]);
  t.same(
    await forwarded(t, { ...trusting, fields }, 'Forwarded: for="[2001:db8::1]"\r\nforwarded: for=b;by="x\\"y"\r\n'),
    [`Forwarded: for="[2001:db8::1]", for=b;by="x\\"y", ${ours}`],
  );
  t.same(
    await forwarded(t, { ...trusting, fields }, 'Forwarded: for="192.0.2.1\r\nForwarded: for="a\\"\r\n'),
    [`Forwarded: ${ours}`],
    'an open quote would swallow our part',
  );
});

t.test('a form that is not sent does not come from a trusted caller either', async (t) => {
  const both = 'X-Forwarded-For: a\r\nX-Forwarded-Proto: https\r\nX-Real-IP: a\r\nForwarded: for=a\r\n';
  t.same(await forwarded(t, { ...trusting, fields: 'none' }, both), []);
  t.same(await forwarded(t, { ...suspicious, fields: 'none' }, both), []);
  t.same(await forwarded(t, { ...trusting, fields: 'forwarded' }, both), [
    'Forwarded: for=a, for=127.0.0.1;proto=http;host="app:81"',
  ]);
  t.same(await forwarded(t, { ...trusting, fields: 'both' }, both), [
    'X-Forwarded-Proto: https',
    'X-Real-IP: a',
    'X-Forwarded-For: a, 127.0.0.1',
    'X-Forwarded-Host: app:81',
    'Forwarded: for=a, for=127.0.0.1;proto=http;host="app:81"',
  ]);
});

t.test('an inbound listener believes nobody unless it is told to', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const listeners = [{ name: 'in', port: 0, direction: 'inbound' }];
  const believing = [{ ...listeners[0], forwarding: { trusted: ['127.0.0.0/8'] } }];
  for (const [settings, address] of [
    [listeners, '127.0.0.1'],
    [believing, '192.0.2.1, 127.0.0.1'],
  ] as const) {
    const proxy = await staticProxy(t, {
      appPort: origin.port,
      spec: { listeners: [{ name: 'out', port: 0 }, ...settings] },
    });
    await ask(t, proxy.inboundPort, get('/', 'app', 'X-Forwarded-For: 192.0.2.1\r\n'));
    t.equal(origin.requests.at(-1)?.header('x-forwarded-for'), address);
  }
});

t.test('the host that is told is the one of an absolute target, also without a Host in HTTP/1.0', async (t) => {
  const { port, origin } = await hop(t, { ...suspicious, fields: 'both' });
  await ask(t, port, 'GET http://app/x HTTP/1.1\r\nHost: other\r\n\r\n');
  await ask(t, port, 'GET http://app/x HTTP/1.0\r\n\r\n');
  for (const request of origin.requests) {
    t.equal(request.header('host'), 'app');
    t.equal(request.header('x-forwarded-host'), 'app');
    t.equal(request.header('forwarded'), 'for=127.0.0.1;proto=http;host="app"');
  }
  t.equal(origin.requests.length, 2);
});

t.test('Connection takes away what a caller said, never what we say (RFC 9110 §7.6.1)', async (t) => {
  const listed =
    'Connection: x-forwarded-for, X-Forwarded-Proto, x-forwarded-host, forwarded, x-real-ip, via, traceparent\r\n';
  const said = 'X-Forwarded-For: a\r\nX-Forwarded-Proto: https\r\nForwarded: for=a\r\nX-Real-IP: a\r\nVia: 1.1 a\r\n';
  const ours = [
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Host: app:81',
    'Forwarded: for=127.0.0.1;proto=http;host="app:81"',
    'Via: 1.1 edge',
  ];
  for (const settings of [suspicious, trusting])
    t.same(await forwarded(t, { ...settings, fields: 'both', via: 'edge' }, listed + said), ours);
  t.same(await forwarded(t, undefined, listed + said), []);
});

t.test('who a caller is according to another mesh is only heard from trusted callers', async (t) => {
  const claims = [
    'X-Forwarded-Client-Cert: By=spiffe://a/b;URI=spiffe://a/admin',
    'Client-Cert: :MIIB:',
    'Client-Cert-Chain: :MIIB:',
    'l5d-client-id: admin.prod.serviceaccount.identity',
  ];
  const said = `${claims.join('\r\n')}\r\n`;
  t.same((await forwarded(t, trusting, said)).slice(0, 4), claims);
  t.same((await forwarded(t, suspicious, said)).length, 3, 'only what we say');
  t.same(await forwarded(t, undefined, said), [], 'the application is no proxy that has seen certificates');
});

t.test('the words of the mesh come from nobody, in heads and in trailers', async (t) => {
  const words = 'X-Meshlane-Reason: upstream_connect\r\nx-meshlane-identity: admin\r\nX-MESHLANE-: a\r\n';
  t.same((await forwarded(t, trusting, words)).length, 3, 'only what we say');
  t.same(await forwarded(t, undefined, words), []);
  const { port, origin } = await hop(t, trusting);
  const trailers = `${words}X-Forwarded-For: a\r\nForwarded: for=a\r\nX-Forwarded-Client-Cert: a\r\nMax-Forwards: 0\r\nVia: 1.1 a\r\nX_A: b\r\nContent_Length: 5\r\n`;
  const head = 'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n';
  await ask(t, port, `${head}1\r\na\r\n0\r\nKept: 1\r\n${trailers}Also: 2\r\n\r\n`);
  t.equal(origin.requests[0]?.rawBody, '1\r\na\r\n0\r\nKept: 1\r\nAlso: 2\r\n\r\n');
});

t.test('an application says nothing in the name of the mesh, its sidecar does', async (t) => {
  const fields = 'X-Meshlane-Reason: overloaded\r\nx-meshlane-identity: admin\r\nServer: mine\r\nDate: then\r\n';
  const origin = await scriptedOrigin(t, () => reply('fine', fields));
  const proxy = await staticProxy(t, { appPort: origin.port });
  const got = await ask(t, proxy.inboundPort, get());
  t.notMatch(got.head, /meshlane/i);
  t.match(got.head, /\r\nServer: mine\r\nDate: then\r\n/, 'and what is its own stays');
});

t.test('fields that are taken away match no rule', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const matches = [{ headers: [{ name: 'x-forwarded-for', value: '10.0.0.1' }] }];
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      route('inside', [{ matches, backends: [{ service: 'app' }] }], ['x.test']),
    ],
    spec: { listeners: [{ name: 'out', port: 0, forwarding: suspicious }] },
  });
  const got = await ask(t, proxy.port, get('/', 'x.test', 'X-Forwarded-For: 10.0.0.1\r\n'));
  t.equal(got.header('x-meshlane-reason'), 'route_not_found');
});

t.test('addresses beyond 4096 bytes are refused from a trusted caller and thrown away from others', async (t) => {
  const chain = (size: number) => `X-Forwarded-For: ${'a'.repeat(size)}\r\n`;
  const { port, origin } = await hop(t, trusting);
  t.equal((await ask(t, port, get('/', 'app', chain(4096)))).status, 200);
  t.equal(
    (await ask(t, port, get('/', 'app', chain(2000) + chain(2097)))).header('x-meshlane-reason'),
    'head_too_large',
  );
  t.equal(origin.requests.length, 1);
  t.same((await forwarded(t, suspicious, chain(5000)))[0], 'X-Forwarded-For: 127.0.0.1');
});

t.test('Via is added where it has a name, and a request that has been there is answered 508', async (t) => {
  const { port, origin } = await hop(t, { via: 'edge-1' });
  await ask(t, port, get('/', 'app', 'Via: 1.0 fred, 1.1 edge-10 (edge-1)\r\n'));
  t.same(told(origin.requests[0]), ['Via: 1.0 fred, 1.1 edge-10 (edge-1)', 'Via: 1.1 edge-1']);
  await ask(t, port, 'GET / HTTP/1.0\r\nHost: app\r\n\r\n');
  t.equal(origin.requests[1]?.header('via'), '1.0 edge-1');
  for (const via of ['1.1 edge-1', '1.0 a, HTTP/1.1 Edge-1 (us)', '1.0 a\r\nVia: 1.1\tedge-1']) {
    const got = await ask(t, port, get('/', 'app', `Via: ${via}\r\n`));
    t.equal(got.status, 508, via);
    t.equal(got.header('x-meshlane-reason'), 'loop_detected');
  }
  t.equal(origin.requests.length, 2);
});

t.test('the first try and the second say the same of the caller', async (t) => {
  const origin = await scriptedOrigin(t, ({ index }) => (index === 0 ? reply('', '', 503) : reply('fine')));
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { listeners: [{ name: 'out', port: 0, forwarding: trusting }] },
  });
  await ask(t, proxy.port, get('/', 'app', 'X-Forwarded-For: a\r\n'));
  t.equal(origin.requests.length, 2);
  t.same([...told(origin.requests[0]), 'x-meshlane-attempt: 2'], told(origin.requests[1]));
});

t.test('requests of one connection do not inherit from each other', async (t) => {
  const { port, origin } = await hop(t, trusting);
  const caller = await rawClient(t, port);
  for (const fields of ['X-Forwarded-For: a\r\nX-Meshlane-A: b\r\n', 'Plain: c\r\n', 'X-Forwarded-For: d\r\n']) {
    for (const byte of get('/', 'app', fields)) caller.send(byte);
    t.equal((await caller.reply()).status, 200);
  }
  t.same(
    origin.requests.map((request) => request.header('x-forwarded-for')),
    ['a, 127.0.0.1', '127.0.0.1', 'd, 127.0.0.1'],
  );
});

t.test('a request that came by TLS is said to have come by https', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const { certificate, privateKey } = await makeTlsFiles(tempFolder(t));
  const forwarding = { ...trusting, fields: 'both' };
  const { port } = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { listeners: [{ name: 'out', port: 0, forwarding, tls: { certificate, privateKey } }] },
  });
  for (const said of ['', 'X-Forwarded-Proto: http\r\n']) {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    t.teardown(() => socket.destroy());
    socket.write(get('/', 'app', `${said}Connection: close\r\n`));
    t.match(await text(socket), /^HTTP\/1\.1 200 /);
  }
  t.equal(origin.requests[0]?.header('x-forwarded-proto'), 'https');
  t.equal(origin.requests[0]?.header('forwarded'), 'for=127.0.0.1;proto=https;host="app"');
  t.equal(origin.requests[1]?.header('x-forwarded-proto'), 'http', 'a trusted caller knows what it was called by');
});

import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Names that a server behind us could take for another one, as CGI does (RFC 3875 §4.1.18). */

async function hop(t: Owner, underscoreNames: string) {
  const origin = await scriptedOrigin(t, () => reply('fine', 'X_Reply: 1\r\nContent_Length: 2\r\n'));
  const { port } = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { listeners: [{ name: 'out', port: 0, underscoreNames }] },
  });
  return { port, origin };
}

const twins = [
  'Content_Length',
  'transfer_encoding',
  'Transfer.Encoding',
  'CONTENT!LENGTH',
  'keep_alive',
  'X_Forwarded_For',
  'X-Forwarded_Proto',
  'X.Forwarded-Whatever',
  'x_real_ip',
  'X_Forwarded_Client_Cert',
  'X_Meshlane_Reason',
  "x'meshlane|anything",
  'max_forwards',
  'http2_settings',
];
const underscored = ['user_id', '_', 'A_', '_b', '__Host', 'x_forward'];

t.test('names with "_" are dropped unless a listener says otherwise', async (t) => {
  const { port, origin } = await hop(t, 'drop');
  const lines = [...twins, ...underscored].map((name) => `${name}: 7\r\n`).join('');
  const got = await ask(t, port, get('/', 'app', `Before: 1\r\n${lines}After.All: 2\r\nx-forward: 3\r\n`));
  t.equal(got.status, 200);
  t.match(
    origin.requests[0]?.head,
    /^GET \/ HTTP\/1\.1\r\nHost: app\r\nBefore: 1\r\nAfter\.All: 2\r\nx-forward: 3\r\ntraceparent: [^\r]*\r\n\r\n$/,
  );
});

t.test('names with "_" pass where they are allowed, except those that stand for a field that matters', async (t) => {
  const { port, origin } = await hop(t, 'allow');
  const lines = [...twins, ...underscored].map((name) => `${name}: 7\r\n`);
  await ask(t, port, get('/', 'app', lines.join('')));
  const passed = origin.requests[0]?.head.split('\r\n').filter((line) => line.endsWith(': 7'));
  t.same(
    passed,
    underscored.map((name) => `${name}: 7`),
  );
});

t.test('names with "_" are refused where a listener says so, wherever the head is cut', async (t) => {
  const { port, origin } = await hop(t, 'refuse');
  for (const name of [...twins, ...underscored]) {
    const got = await ask(t, port, get('/', 'app', `${name}: 7\r\n`));
    t.equal(got.status, 400, name);
    t.equal(got.header('connection'), 'close', name);
  }
  const slow = await rawClient(t, port);
  for (const byte of get('/', 'app', 'Content_Length: 5\r\n')) slow.send(byte);
  t.equal((await slow.reply()).status, 400);
  t.equal((await ask(t, port, get('/', 'app', 'After.All: 2\r\n'))).status, 200);
  t.equal(origin.requests.length, 1);
});

t.test('a body is as long as Content-Length says, whatever its twins say', async (t) => {
  const { port, origin } = await hop(t, 'allow');
  const caller = await rawClient(t, port);
  caller.send(
    'POST / HTTP/1.1\r\nHost: app\r\nContent_Length: 100\r\nContent-Length: 2\r\nTransfer_Encoding: chunked\r\n\r\nhi',
  );
  t.equal((await caller.reply()).status, 200);
  caller.send(get('/next'));
  t.equal((await caller.reply()).status, 200);
  t.equal(origin.requests[0]?.body, 'hi');
  t.notMatch(origin.requests[0]?.head, /_/);
});

t.test('trailers have the names that heads may have', async (t) => {
  const head = 'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n';
  const trailers = 'Content_Length: 5\r\nx_a: 1\r\nX.Forwarded.For: a\r\nB: 2\r\n';
  for (const [setting, passed] of [
    ['drop', 'B: 2\r\n'],
    ['refuse', 'B: 2\r\n'],
    ['allow', 'x_a: 1\r\nB: 2\r\n'],
  ] as const) {
    const { port, origin } = await hop(t, setting);
    t.equal((await ask(t, port, `${head}0\r\n${trailers}\r\n`)).status, 200);
    t.equal(origin.requests[0]?.rawBody, `0\r\n${passed}\r\n`, setting);
  }
});

t.test('replies keep names with "_", but none that stands for a field that matters', async (t) => {
  const { port } = await hop(t, 'refuse');
  const got = await ask(t, port, get());
  t.equal(got.header('x_reply'), '1');
  t.equal(got.header('content_length'), undefined);
  t.equal(got.body.toString(), 'fine');
});

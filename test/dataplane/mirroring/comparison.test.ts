import t from 'tap';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { grpcServiceAt } from '../grpc/resources.ts';
import { copied, mirroredRoute } from '../harness/mirrored.ts';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { serviceAt } from '../harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from '../harness/static-proxy.ts';

/** What is found when the reply to a copy is compared with the one that the caller gets. */

type Script = (request: OriginRequest) => string | undefined;

async function compared(t: Owner, app: Script, shadow: Script): Promise<StaticProxy> {
  const one = await scriptedOrigin(t, app);
  const other = await scriptedOrigin(t, shadow);
  return staticProxy(t, {
    resources: [
      ...serviceAt('app', one.port),
      ...serviceAt('shadow', other.port),
      mirroredRoute({ compare: true }, { name: 'all' }),
    ],
  });
}

const found = (proxy: StaticProxy, result: string) =>
  until(async () => (await proxy.metric('meshlane_mirror_comparisons_total', { result })) === 1, {
    what: `a comparison that says ${result}`,
  });

const chunked = (...pieces: string[]) =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`;
const large = 'l'.repeat(1_100_000);

const cases: Readonly<Record<string, readonly [result: string, app: string, shadow: string]>> = {
  'the same replies': ['same', reply('abcdef'), reply('abcdef', 'X-Other: field\r\n')],
  'the same body in other pieces': ['same', chunked('ab', 'cdef'), reply('abcdef')],
  'replies without a body': ['same', reply('', '', 204), reply('', '', 204)],
  'another status': ['status', reply('abc'), reply('abc', '', 404)],
  'another body of the same length': ['body', reply('abcdef'), reply('abcdeg')],
  'a longer body': ['body', reply('abcdef'), reply('abcdefg')],
  'a body and none': ['body', reply('abcdef'), reply()],
  'bodies that are too long to be looked at': ['too_large', reply(large), reply(large)],
  'a body too long to be looked at and another one': ['body', reply(large), reply('abc')],
};

for (const [title, [result, app, shadow]] of Object.entries(cases))
  t.test(`${title}: ${result}`, async (t) => {
    const proxy = await compared(
      t,
      () => app,
      () => shadow,
    );
    await ask(t, proxy.port, get());
    await found(proxy, result);
    t.equal(await proxy.metric('meshlane_mirror_comparisons_total'), 1);
  });

const incomplete: Readonly<Record<string, readonly [app: Script, shadow: Script]>> = {
  'the mirror breaks off': [() => reply(), ({ connection }) => void connection.socket.resetAndDestroy()],
  'the reply to the request breaks off': [
    ({ connection }) => void connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
    () => reply(),
  ],
  'the proxy answers itself': [({ connection }) => void connection.socket.end('nonsense\r\n\r\n'), () => reply()],
};

for (const [title, [app, shadow]] of Object.entries(incomplete))
  t.test(`${title}: incomplete`, async (t) => {
    const proxy = await compared(t, app, shadow);
    const client = await rawClient(t, proxy.port);
    client.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1\r\n\r\nx');
    await found(proxy, 'incomplete');
    t.strictSame(proxy.warnings, []);
  });

t.test('a caller that leaves: incomplete', async (t) => {
  const proxy = await compared(
    t,
    () => undefined,
    () => reply(),
  );
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await until(async () => (await proxy.metric('meshlane_mirrored_requests_total', { result: 'sent' })) === 1);
  client.reset();
  await found(proxy, 'incomplete');
});

const calls: Readonly<
  Record<string, readonly [result: string, app: (call: ServedCall) => void, shadow: (call: ServedCall) => void]>
> = {
  'the same status in trailers': [
    'same',
    (call) => call.answer(Buffer.from('m')),
    (call) => call.answer(Buffer.from('m')),
  ],
  'another status in trailers': [
    'grpc_status',
    (call) => call.answer(Buffer.from('m')),
    (call) => {
      call.head();
      call.send(Buffer.from('m'));
      call.end(9);
    },
  ],
  'another status in the head': ['grpc_status', (call) => call.end(5), (call) => call.end(9)],
  'another message': ['body', (call) => call.answer(Buffer.from('m')), (call) => call.answer(Buffer.from('n'))],
};

for (const [title, [result, app, shadow]] of Object.entries(calls))
  t.test(`gRPC, ${title}: ${result}`, async (t) => {
    const one = await wireServer(t, app);
    const other = await wireServer(t, shadow);
    const proxy = await staticProxy(t, {
      resources: [
        ...grpcServiceAt('app', one.port),
        ...grpcServiceAt('shadow', other.port),
        mirroredRoute({ compare: true }),
      ],
    });
    await (await wireClient(t, proxy.port)).ask('/pkg.Service/Method');
    await found(proxy, result);
  });

t.test('a difference is logged without what could be a secret, and at most once a second', async (t) => {
  const proxy = await compared(
    t,
    () => reply('abcdef', 'X-Secret: one\r\n'),
    () => reply('abc', 'X-Secret: two\r\n', 500),
  );
  const client = await rawClient(t, proxy.port);
  const startMs = performance.now();
  for (let i = 0; i < 50; i++) {
    client.send(get('/a/b?token=secret', 'app', 'Authorization: secret\r\n'));
    t.equal((await client.reply()).body.toString(), 'abcdef');
  }
  await copied(proxy, 'sent', 50);
  const { length } = proxy.warnings;
  const seconds = (performance.now() - startMs) / 1000;
  t.ok(length >= 1 && length <= 1 + seconds, `${length} lines in ${seconds.toFixed(1)} s`);
  t.strictSame(proxy.warnings[0], {
    message: 'rule r/all, status: 200 with 6 bytes, shadow 500 with 3 bytes; GET /a/b',
  });
});

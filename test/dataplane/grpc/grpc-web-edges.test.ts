import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:http2';
import t from 'tap';
import { startGrpcJsServer } from '../../conformance/grpc/grpc-js-server.ts';
import { methodOf, type OutputResponse, type SimpleRequest } from '../../conformance/grpc/test-service.ts';
import { freePort } from '../../harness/free-port.ts';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { frameOf, MessageReader } from '../../harness/grpc/messages.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { skipWithout } from '../../harness/peers.ts';
import { runCommand } from '../../harness/run-command.ts';
import { until } from '../../harness/until.ts';
import { ask, get, type RawReply, rawClient } from '../harness/raw-client.ts';
import { policy, serviceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { type StaticProxyOptions, staticProxy } from '../harness/static-proxy.ts';
import { grpcService, grpcServiceAt } from './resources.ts';
import { type WebType, webCallOn, webCallOverHttp2, webTypes } from './web-caller.ts';

/** Calls of gRPC-Web at their edges: what is sent as bytes of HTTP/1.1 can be cut and spelled in any way. */

const method = '/pkg.Service/Method';
const question = frameOf(Buffer.from('question'));
const answer = (call: ServedCall) => call.answer(Buffer.from('answer'));

function post(type: string, body: string | Buffer, fields = ''): string {
  const length = `Content-Length: ${body.length}\r\n`;
  return `POST ${method} HTTP/1.1\r\nHost: app\r\nContent-Type: ${type}\r\n${length}${fields}\r\n${body.toString('latin1')}`;
}

/** The same with a chunk for each piece. */
function postChunks(type: string, pieces: readonly string[]): string {
  const chunks = pieces.map((piece) => (piece === '' ? '' : `${piece.length.toString(16)}\r\n${piece}\r\n`)).join('');
  const head = `POST ${method} HTTP/1.1\r\nHost: app\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  return `${head}${chunks}0\r\n\r\n`;
}

/** Messages and trailers of a reply in bytes. */
function framesOf({ body }: RawReply): string[] {
  return new MessageReader().take(body).map(({ flags, bytes }) => `${flags} ${bytes.toString('latin1')}`);
}

async function proxyOf(t: Owner, script: (call: ServedCall) => unknown, options: StaticProxyOptions = {}) {
  const server = await wireServer(t, script);
  const resources = [...grpcServiceAt('app', server.port), ...(options.resources ?? [])];
  return { server, proxy: await staticProxy(t, { ...options, resources }) };
}

const whole = ['0 answer', '128 grpc-status: 0\r\n'];

t.test(
  'the server gets the format of the messages, and the reply has the form that the request asked for',
  async (t) => {
    const { server, proxy } = await proxyOf(t, answer);
    const text = question.toString('base64');
    const forms: readonly (readonly [
      sent: string,
      body: string | Buffer,
      accept: string,
      got: string,
      back: string,
    ])[] = [
      ['application/grpc-web', question, '', 'application/grpc', 'application/grpc-web'],
      ['application/grpc-web+proto', question, '', 'application/grpc+proto', 'application/grpc-web+proto'],
      [
        'application/grpc-web+proto; charset=utf-8',
        question,
        '*/*',
        'application/grpc+proto',
        'application/grpc-web+proto',
      ],
      ['application/grpc-web+json', question, '', 'application/grpc+json', 'application/grpc-web+json'],
      ['application/grpc-web-text', text, '', 'application/grpc', 'application/grpc-web-text'],
      ['application/grpc-web-text+proto', text, '', 'application/grpc+proto', 'application/grpc-web-text+proto'],
      ['application/grpc-web', question, 'application/grpc-web-text', 'application/grpc', 'application/grpc-web-text'],
      ['application/grpc-web-text', text, 'application/grpc-web', 'application/grpc', 'application/grpc-web'],
    ];
    for (const [i, [sent, body, accept, got, back]] of forms.entries()) {
      const fields = accept === '' ? '' : `Accept: ${accept}\r\n`;
      const reply = await ask(t, proxy.port, post(sent, body, fields));
      t.equal(reply.status, 200);
      t.equal(reply.header('content-type'), back);
      t.equal(fieldOf(server.calls[i]!.fields, 'content-type'), got, sent);
      t.equal(fieldOf(server.calls[i]!.fields, ':path'), method);
      t.equal(fieldOf(server.calls[i]!.fields, ':authority'), 'app');
      if (!back.includes('text')) t.strictSame(framesOf(reply), whole);
    }
    t.equal(await proxy.metric('meshlane_grpc_calls_total', { service: 'app', grpc_status: '0' }), forms.length);
  },
);

t.test('a body in base64 may be cut anywhere, and padded in its middle', async (t) => {
  const { server, proxy } = await proxyOf(t, answer);
  const text = question.subarray(0, 5).toString('base64') + question.subarray(5).toString('base64');
  t.match(text, /=.+=/, 'padding in the middle and at the end');
  const caller = await rawClient(t, proxy.port);
  const cuts = Array.from(text, (_, i) => [text.slice(0, i), text.slice(i)]);
  for (const pieces of [...cuts, [...text]]) {
    caller.send(postChunks('application/grpc-web-text', pieces));
    const { status, body } = await caller.reply();
    t.equal(status, 200);
    t.ok(body.length > 0);
  }
  t.equal(server.calls.length, text.length + 1);
  const wrong = server.calls.filter(
    ({ messages }) => messages.map(({ bytes }) => bytes.toString()).join() !== 'question',
  );
  t.equal(wrong.length, 0, 'every call has the message');
});

const broken = { 'what is not base64': ['AAAA', 'A*AA'], 'base64 that is cut short': ['AAAA', 'AAA'] };
for (const [what, pieces] of Object.entries(broken))
  t.test(`${what} ends the call on both sides`, async (t) => {
    const server = await wireServer(t, () => undefined, { at: 'head' });
    const proxy = await staticProxy(t, { resources: grpcServiceAt('app', server.port) });
    const head = postChunks('application/grpc-web-text', []).slice(0, -5);
    const caller = await rawClient(t, proxy.port);
    caller.send(`${head}4\r\n${pieces[0]}\r\n`);
    const call = await until(() => server.calls[0]);
    caller.send(`${pieces[1]!.length}\r\n${pieces[1]}\r\n0\r\n\r\n`);
    const reply = await caller.reply();
    t.equal(reply.status, 200);
    t.equal(reply.header('grpc-status'), '3');
    t.equal(reply.header('x-meshlane-reason'), 'bad_request');
    await until(() => call.resetCode !== null, { what: 'the reset of the call' });
    const session = connect(`http://127.0.0.1:${proxy.port}`);
    t.teardown(() => session.destroy());
    const text = await webCallOn(session, method, Buffer.alloc(0), 'bytes', {
      'content-type': webTypes.text,
    });
    t.equal(text.headers.get('grpc-status'), '3', 'over HTTP/2 as well');
  });

t.test('broken base64 behind the beginning of a reply breaks the reply off', async (t) => {
  const server = await wireServer(
    t,
    (call) => {
      call.head();
      call.send(Buffer.from('answer'));
    },
    { at: 'head' },
  );
  const proxy = await staticProxy(t, { resources: grpcServiceAt('app', server.port) });
  const caller = await rawClient(t, proxy.port);
  caller.send(postChunks('application/grpc-web-text', ['AAAA']).slice(0, -5));
  await caller.until((received) => received.includes('AAAAAAZhbnN3ZXI='));
  caller.send('1\r\n*\r\n');
  await until(() => caller.isClosed);
  t.ok(caller.wasReset);
  await until(() => server.calls[0]!.resetCode !== null);
});

t.test('a caller that sends nothing whole after a call is told so in plain HTTP', async (t) => {
  const { proxy } = await proxyOf(t, answer, { spec: { limits: { headTimeout: '100ms' } } });
  const caller = await rawClient(t, proxy.port);
  caller.send(post(webTypes.bytes, question));
  t.strictSame(framesOf(await caller.reply()), whole);
  caller.send('\r');
  t.equal((await caller.reply()).status, 408);
});

t.test('a call that ends without a message has its status in the head, and no body', async (t) => {
  const { proxy } = await proxyOf(t, (call) => call.end(9, { 'grpc-message': 'not now', 'x-more': 'a' }));
  for (const type of Object.values(webTypes)) {
    const reply = await ask(t, proxy.port, post(type, type === webTypes.text ? question.toString('base64') : question));
    t.equal(reply.status, 200);
    t.equal(reply.header('content-type'), type);
    t.equal(reply.header('content-length'), '0');
    t.equal(reply.header('grpc-status'), '9');
    t.equal(reply.header('grpc-message'), 'not now');
    t.equal(reply.header('x-more'), 'a');
  }
});

t.test('what goes to a service that speaks no gRPC, and what comes from it, stays as it is', async (t) => {
  const text = question.toString('base64');
  const origin = await scriptedOrigin(t, () => reply(text, `Content-Type: ${webTypes.text}\r\n`));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const got = await ask(t, proxy.port, post(webTypes.text, text));
  t.equal(got.body.toString(), text);
  await origin.stop();
  const failed = await ask(t, proxy.port, post(webTypes.text, text));
  t.equal(failed.status, 503, 'so that the proxy before it may try again');
  t.equal(failed.header('grpc-status'), undefined);
  t.equal(origin.requests[0]!.body, text);
  t.equal(origin.requests[0]!.header('content-type'), webTypes.text);
  t.equal(origin.requests[0]!.header('content-length'), String(text.length));
});

t.test('a reply that is not one of gRPC stays as it is', async (t) => {
  const { proxy } = await proxyOf(t, ({ stream }) => {
    stream.respond({ ':status': 403, 'content-type': 'text/plain' });
    stream.end('no');
  });
  for (const type of Object.values(webTypes)) {
    const got = await ask(t, proxy.port, post(type, type === webTypes.text ? question.toString('base64') : question));
    t.equal(got.status, 403);
    t.equal(got.header('content-type'), 'text/plain');
    t.equal(got.body.toString(), 'no');
  }
});

t.test('a preflight goes its usual way', async (t) => {
  const { server, proxy } = await proxyOf(t, ({ stream }) =>
    stream.respond({ ':status': 204, 'access-control-allow-methods': 'POST' }, { endStream: true }),
  );
  const asked = 'Origin: http://shop.test\r\nAccess-Control-Request-Method: POST\r\n';
  const type = `Content-Type: ${webTypes.bytes}\r\n`; // which no browser sends, but which decides nothing
  const got = await ask(t, proxy.port, `OPTIONS ${method} HTTP/1.1\r\nHost: app\r\n${asked}${type}\r\n`);
  t.equal(got.status, 204);
  t.equal(got.header('access-control-allow-methods'), 'POST');
  t.equal(fieldOf(server.calls[0]!.fields, ':method'), 'OPTIONS');
  t.equal(fieldOf(server.calls[0]!.fields, 'content-type'), webTypes.bytes);
});

type Reply = { readonly status: number; header(name: string): string | undefined };
type Caller = (host: string, bytes: number, fields?: Readonly<Record<string, string>>) => Promise<Reply>;

/** Callers that show what a reply says in its head. */
const callers: Readonly<Record<string, (t: Owner, port: number) => Caller>> = {
  'HTTP/1.1 with a length': (t, port) => (host, bytes, fields) =>
    ask(t, port, post(webTypes.bytes, Buffer.alloc(bytes), linesOf(fields)).replace('Host: app', `Host: ${host}`)),
  'HTTP/1.1 in chunks': (t, port) => (host, bytes, fields) => {
    const text = postChunks(webTypes.text, [Buffer.alloc(bytes).toString('base64')]);
    return ask(t, port, text.replace('Host: app\r\n', `Host: ${host}\r\n${linesOf(fields)}`));
  },
  'HTTP/2': (t, port) => async (host, bytes, fields) => {
    const session = connect(`http://127.0.0.1:${port}`);
    t.teardown(() => session.destroy());
    const message = Buffer.alloc(bytes - 5);
    const reply = await webCallOn(session, method, message, 'bytes', { ':authority': host, ...fields });
    return { status: reply.httpStatus, header: (name) => reply.headers.get(name) ?? undefined };
  },
};

function linesOf(fields: Readonly<Record<string, string>> = {}): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

for (const [name, makeCaller] of Object.entries(callers))
  t.test(`the proxy’s own replies over ${name} are ones of gRPC-Web`, async (t) => {
    const { proxy } = await proxyOf(t, () => undefined, {
      spec: { limits: { bodyBytes: 100 } },
      resources: [...grpcServiceAt('away', await freePort()), grpcService('empty')],
    });
    const call = makeCaller(t, proxy.port);
    const failures = [
      ['route_not_found', '12', await call('unknown', 10)],
      ['no_endpoint', '14', await call('empty', 10)],
      ['upstream_connect', '14', await call('away', 10)],
      ['body_too_large', '8', await call('app', 101)],
      ['request_timeout', '4', await call('app', 10, { 'grpc-timeout': '50m' })],
    ] as const;
    for (const [code, status, reply] of failures) {
      t.equal(reply.status, 200, code);
      t.equal(reply.header('x-meshlane-reason'), code);
      t.equal(reply.header('grpc-status'), status);
      t.ok(reply.header('grpc-message'));
      t.match(reply.header('content-type'), /^application\/grpc-web/);
    }
  });

t.test('a message that is too large for the server ends with what the server says of it', async (t) => {
  const proxy = await staticProxy(t, { resources: grpcServiceAt('app', await startGrpcJsServer(t)) });
  const { path, requestSerialize } = methodOf('UnaryCall');
  const tooLarge: SimpleRequest = { payload: { body: Buffer.alloc(5 * 1024 * 1024) } };
  for (const type of Object.keys(webTypes) as WebType[]) {
    const reply = await webCallOverHttp2(proxy.port, path, requestSerialize(tooLarge), type);
    t.equal(reply.trailers.get('grpc-status'), '8');
  }
});

t.test('calls of all kinds are right on one connection, also when their heads are known by then', async (t) => {
  const origin = await scriptedOrigin(t, () => reply(frameOf(Buffer.from('plain')).toString('latin1')));
  const { server, proxy } = await proxyOf(t, answer, { resources: serviceAt('plain', origin.port) });
  const session = connect(`http://127.0.0.1:${proxy.port}`);
  t.teardown(() => session.destroy());
  for (let i = 0; i < 5; i++) {
    const plain = await webCallOn(session, method, Buffer.from('question'), 'bytes', { ':authority': 'plain' });
    t.equal(plain.messages.map(({ bytes }) => bytes.toString()).join(), 'plain');
    for (const type of ['bytes', 'text'] as const) {
      const reply = await webCallOn(session, method, Buffer.from('question'), type);
      t.equal(reply.headers.get('content-type'), webTypes[type]);
      t.equal(reply.messages.map(({ bytes }) => bytes.toString()).join(), 'answer');
      t.equal(reply.trailers.get('grpc-status'), '0');
    }
  }
  for (const { fields } of server.calls) t.equal(fieldOf(fields, 'content-type'), 'application/grpc+proto');
  for (const request of origin.requests) t.equal(request.header('content-type'), webTypes.bytes);
});

t.test('a call is tried again as a call of gRPC, with its message', async (t) => {
  const retry = { attempts: 1, on: ['unavailable'], backoff: '1ms' };
  const { server, proxy } = await proxyOf(t, (call) => (call.index === 0 ? call.end(14) : answer(call)), {
    resources: [policy('app', { retry })],
  });
  const reply = await ask(
    t,
    proxy.port,
    post(webTypes.text, question.toString('base64'), 'Accept: application/grpc-web\r\n'),
  );
  t.strictSame(framesOf(reply), whole);
  t.strictSame(
    server.calls.map(({ messages }) => messages.map(({ bytes }) => bytes.toString()).join()),
    ['question', 'question'],
  );
});

t.test('an inbound listener translates for an application that speaks gRPC', async (t) => {
  const server = await wireServer(t, answer);
  const proxy = await staticProxy(t, { resources: [grpcService('app')], appPort: server.port });
  t.strictSame(framesOf(await ask(t, proxy.inboundPort, post(webTypes.bytes, question))), whole);
  await server.stop();
  const failed = await ask(t, proxy.inboundPort, post(webTypes.bytes, question));
  t.equal(failed.header('grpc-status'), '14');
  t.equal(failed.header('x-meshlane-reason'), 'upstream_connect');
});

t.test('a caller that does not read stops the server, in text as well', async (t) => {
  const mebibyte = 1024 * 1024;
  const message = frameOf(Buffer.alloc(65_536));
  let left = 0;
  const { proxy } = await proxyOf(t, async (call) => {
    call.head();
    for (let i = 0; i < 512; i++) {
      await new Promise((resolve) => call.stream.write(message, resolve));
      left += message.length;
    }
    call.end(0);
  });
  const headers = { host: 'app', 'content-type': webTypes.text };
  const asked = request({ port: proxy.port, path: method, method: 'POST', headers }).end(question.toString('base64'));
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  let before = -1;
  await until(
    () => {
      const isStill = left > 0 && left === before;
      before = left;
      return isStill;
    },
    { everyMs: 300, what: 'the server’s stop' },
  );
  t.ok(left < 8 * mebibyte, `${(left / mebibyte).toFixed(1)} of 32 MiB left the server`);
  let received = 0;
  for await (const bytes of reply) received += (bytes as Buffer).length;
  t.ok(received > (512 * message.length * 4) / 3);
});

for (const { what, script } of [
  { what: 'a head that stays alone', script: (call: ServedCall) => call.head({ 'x-mine': '1' }) },
  {
    what: 'a message that ends nothing',
    script: (call: ServedCall) => {
      call.head({ 'x-mine': '1' });
      call.send(Buffer.from('first'));
    },
  },
])
  t.test(`${what} reaches a caller of HTTP/1.1 though the call may be tried again, and nobody else`, async (t) => {
    const other = await scriptedOrigin(t, () => reply('other'));
    const resources = [...serviceAt('other', other.port), policy('app', { retry: { on: ['unavailable'] } })];
    const { proxy } = await proxyOf(t, script, { resources });
    const caller = await rawClient(t, proxy.port);
    caller.send(post(webTypes.bytes, question));
    await caller.until((received) => received.includes('x-mine: 1'), 'the head');
    t.equal((await ask(t, proxy.port, get('/', 'other'))).body.toString(), 'other');
    t.notMatch(other.connections[0]!.received, /x-mine/);
  });

const curlForms = [['--http1.1'], ['--http2-prior-knowledge'], ['--http1.1', '-H', 'Transfer-Encoding: chunked']];
for (const flags of curlForms)
  t.test(`curl ${flags.join(' ')} makes a call`, await skipWithout('curl'), async (t) => {
    const proxy = await staticProxy(t, { resources: grpcServiceAt('app', await startGrpcJsServer(t)) });
    const { path, requestSerialize, responseDeserialize } = methodOf('UnaryCall');
    const body = frameOf(requestSerialize({ responseSize: 9 } satisfies SimpleRequest)).toString('base64');
    const said = await runCommand('curl', [
      ...['-sS', '-i', '--max-time', '10', ...flags, '-H', 'Host: app'],
      ...['-H', `Content-Type: ${webTypes.text}`, '--data-binary', body, `http://127.0.0.1:${proxy.port}${path}`],
    ]);
    t.equal(said.code, 0, said.stderr);
    const [head = '', text = ''] = said.stdout.split('\r\n\r\n');
    t.match(head, /^HTTP\/\S+ 200/);
    t.match(head, /content-type: application\/grpc-web-text\+proto/i);
    const bytes = Buffer.concat((text.match(/.{4}/g) ?? []).map((group) => Buffer.from(group, 'base64')));
    const [message, trailers] = new MessageReader().take(bytes);
    t.equal((responseDeserialize(message!.bytes) as OutputResponse).payload?.body.length, 9);
    t.match(trailers!.bytes.toString(), /^grpc-status: 0\r\n/);
  });

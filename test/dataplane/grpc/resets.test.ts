import { constants } from 'node:http2';
import t from 'tap';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { grpcServiceAt } from './resources.ts';

/** What a server's RST_STREAM means (PROTOCOL-HTTP2.md, "Errors"). */
const statuses = {
  NO_ERROR: 13,
  PROTOCOL_ERROR: 13,
  INTERNAL_ERROR: 13,
  FLOW_CONTROL_ERROR: 13,
  SETTINGS_TIMEOUT: 13,
  FRAME_SIZE_ERROR: 13,
  REFUSED_STREAM: 14,
  CANCEL: 1,
  COMPRESSION_ERROR: 13,
  CONNECT_ERROR: 13,
  ENHANCE_YOUR_CALM: 8,
  INADEQUATE_SECURITY: 7,
} as const;
const names = Object.keys(statuses) as (keyof typeof statuses)[];
const codeOf = (name: keyof typeof statuses): number => constants[`NGHTTP2_${name}`];

/** One try for each call, however many fail. */
const onlyOnce = { retry: { attempts: 0 }, breaker: { consecutiveFailures: 10_000 } };

t.test('a reset before the reply has begun becomes the status that its code stands for', async (t) => {
  const server = await wireServer(t, (call) => call.reset(Number(call.path.split('/').at(-1))));
  const proxy = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), policy('app', onlyOnce)] });
  const client = await wireClient(t, proxy.port);
  for (const name of names) {
    const end = await client.ask(`/pkg.Service/${codeOf(name)}`);
    t.ok(end.isTrailersOnly, `${name}: trailers only`);
    t.equal(end.status, statuses[name], `${name}: grpc-status`);
    t.match(fieldOf(end.head ?? new Map(), 'x-meshlane-reason'), /^upstream_/);
  }
});

t.test('a reset after a message leaves the reply cut short for the caller, too', async (t) => {
  const server = await wireServer(t, (call) => {
    call.head();
    call.stream.write(Buffer.from([0, 0, 0, 0, 1, 42]), () => call.reset(Number(call.path.split('/').at(-1))));
  });
  const proxy = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), policy('app', onlyOnce)] });
  const client = await wireClient(t, proxy.port);
  for (const name of names) {
    const { status, resetCode } = await client.ask(`/pkg.Service/${codeOf(name)}`);
    // NO_ERROR would say that all is well with what is cut short.
    const isToldByReset = name === 'NO_ERROR' ? resetCode > 0 : resetCode === codeOf(name);
    const isTold = status === null ? isToldByReset : status === statuses[name];
    t.ok(isTold, `${name}: status ${status}, reset code ${resetCode}`);
  }
  t.equal(server.calls.length, names.length, 'none is tried again');
});

t.test('a connection that is cut under a reply cuts the reply', async (t) => {
  const server = await wireServer(t, (call) => {
    call.head();
    call.stream.write(Buffer.from([0, 0, 0, 0, 9, 1]), () => call.session.destroy());
  });
  const proxy = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), policy('app', onlyOnce)] });
  const { status, resetCode } = await (await wireClient(t, proxy.port)).ask('/pkg.Service/Method');
  t.ok(status === null ? resetCode > 0 : status === 14, `status ${status}, reset code ${resetCode}`);
});

t.test('a reply that is an error of HTTP and no gRPC is left as it is', async (t) => {
  const server = await wireServer(t, ({ path, stream }) => {
    stream.respond({ ':status': Number(path.split('/').at(-1)), 'content-type': 'text/html', 'x-mine': 'kept' });
    stream.end('<p>no');
  });
  const proxy = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), policy('app', onlyOnce)] });
  const client = await wireClient(t, proxy.port);
  for (const code of [400, 401, 403, 404, 429, 500, 502, 503, 504]) {
    const call = client.call(`/pkg.Service/${code}`, { message: Buffer.from('question') });
    let body = '';
    call.stream.on('data', (bytes: Buffer) => {
      body += bytes.toString();
    });
    const { head, trailers } = await call.ended;
    t.equal(fieldOf(head!, ':status'), String(code));
    t.equal(fieldOf(head!, 'content-type'), 'text/html');
    t.equal(fieldOf(head!, 'x-mine'), 'kept');
    t.equal(body, '<p>no');
    t.equal(trailers, null, `${code}: no trailers are made up`);
  }
});

t.test('a stream that was refused goes out again: its server has not begun with it', async (t) => {
  const server = await wireServer(t, (call) =>
    call.index === 0 ? call.reset(constants.NGHTTP2_REFUSED_STREAM) : call.answer(Buffer.from('answer')),
  );
  const proxy = await staticProxy(t, { resources: grpcServiceAt('app', server.port) });
  const client = await wireClient(t, proxy.port);
  t.equal((await client.ask('/pkg.Service/Method')).status, 0);
  t.equal(server.calls.length, 2);
});

t.test('a stream that is always refused is answered with UNAVAILABLE', async (t) => {
  const server = await wireServer(t, (call) => call.reset(constants.NGHTTP2_REFUSED_STREAM));
  const proxy = await staticProxy(t, { resources: grpcServiceAt('app', server.port) });
  const end = await (await wireClient(t, proxy.port)).ask('/pkg.Service/Method');
  t.ok(end.isTrailersOnly);
  t.equal(end.status, 14);
  t.ok(server.calls.length > 1, `${server.calls.length} tries`);
});

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { errorNameOf, FrameType, Setting } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import {
  type FrameOriginOptions,
  frameOrigin,
  type OriginScript,
  type OriginStream,
  replyFrames,
} from '../../harness/http2/frame-origin.ts';
import {
  goawayFrame,
  headersFrame,
  pingFrame,
  rstStreamFrame,
  settingsFrame,
} from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** Connections to instances of HTTP/2: which requests they take, when they end, and what becomes of the requests then. */

type Options = FrameOriginOptions & { readonly policy?: object };

async function http2App(t: Owner, script: OriginScript, { policy: sections = {}, ...options }: Options = {}) {
  const origin = await frameOrigin(t, script, options);
  const proxy = await staticProxy(t, { resources: [...speaking('http2', origin.port), policy('app', sections)] });
  return { origin, proxy, client: await frameClient(t, proxy.port) };
}

const ok = ({ stream, body }: OriginStream) => replyFrames(stream, { body: `got ${body}` });
const ask = (client: FrameClient, path = '/', method = 'GET') =>
  client.reply(client.request(requestFields(method, path)));
const post = (client: FrameClient, trailers?: [string, string][]) =>
  client.request(requestFields('POST'), { body: 'hello', ...(trailers === undefined ? {} : { trailers }) });

/** Answers that the test gives when it wants to. */
function held() {
  const requests: OriginStream[] = [];
  const script: OriginScript = (request) => {
    requests.push(request);
    return undefined;
  };
  const answer = (request: OriginStream) => request.connection.send(ok(request));
  return { requests, script, answer };
}

t.test('a stream that is refused goes out again whatever its method, with its body and trailers', async (t) => {
  const { origin, proxy, client } = await http2App(t, (request) =>
    request.index === 0 ? rstStreamFrame(request.stream, 'REFUSED_STREAM') : ok(request),
  );
  const reply = await client.reply(post(client, [['x-sum', '42']]));
  t.match(reply, { status: 200, end: 'whole' });
  t.equal(reply.body.toString(), 'got hello');
  t.strictSame(origin.requests[1]!.trailers, [['x-sum', '42']]);
  t.equal(origin.connections.length, 1);
  t.equal(await proxy.metric('meshlane_retries_total', { cause: 'upstream_refused' }), 1);
});

t.test('of the streams that a GOAWAY includes each is answered, the others go out again', async (t) => {
  const { requests, script, answer } = held();
  const { origin, proxy, client } = await http2App(t, script);
  const included = client.request(requestFields('GET', '/included'));
  await until(() => requests.length === 1);
  const others = [post(client), post(client)];
  await until(() => requests.length === 3);
  const first = origin.connections[0]!;
  first.send(goawayFrame(requests[0]!.stream, 'NO_ERROR'));
  await until(() => requests.length === 5);
  for (const request of requests.slice(3)) {
    t.equal(request.connection.index, 1);
    answer(request);
  }
  for (const stream of others) t.match(await client.reply(stream), { status: 200, end: 'whole' });
  t.notOk(first.hasEnded, 'while it carries a request');
  answer(requests[0]!);
  t.match(await client.reply(included), { status: 200 });
  await first.closed(1000);
  t.equal(await proxy.metric('meshlane_requests_in_flight'), 0);
});

t.test('an instance that goes in two steps loses no request', async (t) => {
  const { requests, script, answer } = held();
  const { origin, client } = await http2App(t, script);
  const early = post(client);
  await until(() => requests.length === 1);
  origin.connections[0]!.send(goawayFrame(0x7fffffff, 'NO_ERROR'), pingFrame(Buffer.from('is heard')));
  await origin.connections[0]!.frame(FrameType.ping);
  const late = post(client);
  await until(() => requests.length === 2);
  t.equal(requests[1]!.connection.index, 1);
  origin.connections[0]!.send(goawayFrame(1, 'NO_ERROR'));
  for (const request of requests) answer(request);
  for (const stream of [early, late]) t.match(await client.reply(stream), { status: 200 });
});

t.test('a connection that the instance closes while it rests is not used any more', async (t) => {
  const { origin, client } = await http2App(t, ok);
  t.match(await ask(client), { status: 200 });
  origin.connections[0]!.socket.end();
  await until(() => origin.connections[0]!.isClosed);
  t.match(await client.reply(post(client)), { status: 200 });
  t.equal(origin.connections.length, 2);
});

t.test(
  'a safe request that meets a connection being closed goes out once more and blames nobody, another one does not',
  async (t) => {
    const script: OriginScript = (request) => {
      if (request.stream === 1) return ok(request);
      request.connection.socket.end();
      return undefined;
    };
    const touchy = { breaker: { consecutiveFailures: 1, openFor: '60s' }, retry: { attempts: 1 } };
    const { origin, proxy, client } = await http2App(t, script, { policy: touchy });
    for (let i = 0; i < 3; i++) t.match(await ask(client), { status: 200 });
    t.equal(origin.connections.length, 3);
    t.equal(await proxy.metric('meshlane_retries_total', { cause: 'stale_connection' }), 2);
    t.equal(await proxy.metric('meshlane_breaker_state'), 0);
    const reply = await client.reply(post(client));
    t.equal(new Map(reply.fields).get('x-meshlane-reason'), 'upstream_reset');
  },
);

t.test(
  'requests that a connection takes down with it go out on another one, unless they may have been executed',
  async (t) => {
    const { requests, script, answer } = held();
    const { origin, client } = await http2App(t, script, { policy: { retry: { attempts: 1, backoff: '1ms' } } });
    const [safe, unsafe] = [client.request(requestFields('GET')), post(client)];
    await until(() => requests.length === 2);
    origin.connections[0]!.reset();
    t.match(await client.reply(unsafe), { status: 502 });
    await until(() => requests.length === 3);
    answer(requests[2]!);
    t.match(await client.reply(safe), { status: 200 });
  },
);

t.test('a try after a fault of the connection does not go out on the same one', async (t) => {
  const toNobody = headersFrame(99, headerBlock([[':status', '200']]));
  const script: OriginScript = (request) => (request.connection.index === 0 ? toNobody : ok(request));
  const { origin, proxy, client } = await http2App(t, script, { policy: { retry: { attempts: 1 } } });
  t.match(await ask(client), { status: 200 });
  t.strictSame([origin.connections.length, origin.requests.length], [2, 2]);
  t.equal(await proxy.metric('meshlane_retries_total'), 1);
});

t.test('no more requests at once are sent on a connection than the instance takes', async (t) => {
  const { requests, script, answer } = held();
  const settings = [[Setting.maxConcurrentStreams, 2]] as const;
  const { origin, client } = await http2App(t, script, { settings, policy: { connections: { max: 2 } } });
  const streams = Array.from({ length: 6 }, () => client.request(requestFields('GET')));
  await until(() => requests.length === 4);
  t.strictSame([...new Set(requests.map(({ connection }) => connection.index))].sort(), [0, 1]);
  for (let i = 0; i < 6; i++) {
    await until(() => requests.length > i);
    answer(requests[i]!);
  }
  for (const stream of streams) t.match(await client.reply(stream), { status: 200 });
  t.equal(origin.connections.length, 2);
});

t.test('an instance may take fewer requests, or none, for a while', async (t) => {
  const { requests, script, answer } = held();
  const settings = [[Setting.maxConcurrentStreams, 0]] as const;
  const { origin, client } = await http2App(t, script, { settings, policy: { connections: { max: 1 } } });
  const streams = Array.from({ length: 3 }, () => client.request(requestFields('GET')));
  await until(() => origin.connections.length === 1);
  const [connection] = origin.connections;
  for (let most = 1; most <= 3; most++) {
    connection!.send(settingsFrame([[Setting.maxConcurrentStreams, most]]));
    await until(() => requests.length === most);
  }
  connection!.send(settingsFrame([[Setting.maxConcurrentStreams, 0]]));
  for (const request of requests) answer(request);
  for (const stream of streams) t.match(await client.reply(stream), { status: 200 });
});

t.test('an instance that does not say that it speaks HTTP/2 is not reached', async (t) => {
  const silent = await frameOrigin(t, ok, { greets: false });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  });
  const hasty = await frameOrigin(t, ok, { greets: false, onConnection: (one) => one.send(pingFrame()) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port: old } = server.address() as AddressInfo;
  for (const port of [silent.port, old, hasty.port]) {
    const sections = { connections: { connectTimeout: '200ms' }, retry: { attempts: 0 } };
    const proxy = await staticProxy(t, { resources: [...speaking('http2', port), policy('app', sections)] });
    const client = await frameClient(t, proxy.port);
    const startMs = performance.now();
    const reply = await ask(client);
    t.equal(new Map(reply.fields).get('x-meshlane-reason'), 'upstream_connect');
    t.equal(reply.status, 503);
    t.ok(performance.now() - startMs < 1500);
  }
});

t.test('a connection says goodbye when it has rested for long enough', async (t) => {
  const { origin, proxy, client } = await http2App(t, ok, { policy: { connections: { idleTimeout: '200ms' } } });
  await ask(client);
  const goaway = await origin.connections[0]!.frame(FrameType.goaway);
  t.equal(errorNameOf(goaway), 'NO_ERROR');
  await origin.connections[0]!.closed();
  t.equal(await proxy.metric('meshlane_connections_closed_total', { side: 'upstream', reason: 'idle' }), 1);
  t.match(await ask(client), { status: 200 });
  t.equal(origin.connections.length, 2);
});

t.test('a connection without a bound on its rest outlives the time for making one', async (t) => {
  const connections = { idleTimeout: '0s', connectTimeout: '300ms' };
  const { requests, script, answer } = held();
  const { origin, client } = await http2App(t, script, { policy: { connections } });
  const given = client.request(requestFields('GET'));
  client.send(rstStreamFrame(given, 'CANCEL'));
  await until(() => origin.connections.length === 1);
  await origin.connections[0]!.frame(FrameType.settings);
  await origin.connections[0]!.closed(500).then(
    () => t.fail('it closed'),
    () => t.pass('it stays'),
  );
  const stream = client.request(requestFields('GET'));
  await until(() => requests.some((request) => request.resetBy === null));
  answer(requests.at(-1)!);
  t.match(await client.reply(stream), { status: 200 });
  t.equal(origin.connections.length, 1);
});

for (const [bound, connections] of Object.entries({ requests: { maxRequests: 2 }, lifetime: { maxLifetime: '150ms' } }))
  t.test(`a connection that is at its ${bound} ends what it carries and takes nothing more`, async (t) => {
    const { requests, script, answer } = held();
    const settings = { connections: { max: 1, maxPending: 0, ...connections }, retry: { attempts: 0 } };
    const { origin, proxy, client } = await http2App(t, script, { policy: settings });
    const streams = [client.request(requestFields('GET')), client.request(requestFields('GET'))];
    await until(() => requests.length === 2);
    const madeMs = performance.now(); // or earlier
    await until(() => bound === 'requests' || performance.now() - madeMs > 170);
    for (let i = 0; i < 2; i++) streams.push(client.request(requestFields('GET')));
    await until(() => requests.length === 4);
    t.strictSame(
      requests.map(({ connection }) => connection.index),
      [0, 0, 1, 1],
    );
    t.notOk(origin.connections[0]!.hasEnded);
    for (const request of requests) answer(request);
    for (const stream of streams) t.match(await client.reply(stream), { status: 200 });
    await origin.connections[0]!.closed();
    t.ok((await proxy.metric('meshlane_connections_closed_total', { side: 'upstream', reason: bound })) >= 1);
  });

const hasty = { timeouts: { perTry: '300ms' }, connections: { connectTimeout: '300ms' }, retry: { attempts: 0 } };

t.test('a connection to an instance that is gone without a word goes with the request that found it so', async (t) => {
  const isGone = ({ index, connection }: OriginStream) => index > 0 && connection.index === 0;
  const { origin, client } = await http2App(t, (request) => (isGone(request) ? undefined : ok(request)), {
    policy: hasty,
    acknowledges: false,
  });
  t.match(await ask(client), { status: 200 });
  const lost = await ask(client);
  t.equal(new Map(lost.fields).get('x-meshlane-reason'), 'upstream_timeout');
  t.match(await ask(client), { status: 200 }, 'the next one goes elsewhere at once');
  t.equal(origin.connections.length, 2);
  await origin.connections[0]!.closed(1500);
});

t.test('a connection whose instance is there, but slow, is used on', async (t) => {
  const { requests, script, answer } = held();
  const { origin, client } = await http2App(t, script, { policy: hasty });
  for (const isSlow of [false, true, false, true]) {
    const { length } = requests;
    const stream = client.request(requestFields('GET'));
    await until(() => requests.length > length);
    if (!isSlow) answer(requests[length]!);
    t.match(await client.reply(stream), { status: isSlow ? 504 : 200 });
  }
  const [connection] = origin.connections;
  await connection!.until(() => connection!.frames.filter(({ type }) => type === FrameType.ping).length === 2, 'PINGs');
  t.equal(origin.connections.length, 1);
});

t.test('an instance that replies to nothing is asked twice, and then has a new connection', async (t) => {
  const { requests, script, answer } = held();
  const { origin, client } = await http2App(t, script, { policy: hasty });
  const first = client.request(requestFields('GET'));
  await until(() => requests.length === 1);
  answer(requests[0]!);
  await client.reply(first);
  for (let i = 0; i < 4; i++) t.match(await ask(client), { status: 504 });
  t.strictSame(
    requests.map(({ connection }) => connection.index),
    [0, 0, 0, 0, 1],
  );
  t.equal(origin.connections[0]!.frames.filter(({ type }) => type === FrameType.ping).length, 2);
  await origin.connections[0]!.closed();
});

t.test(
  'an instance that asks how it is, or for other tables, or in unknown frames, is answered and understood',
  async (t) => {
    const { origin, client } = await http2App(t, ok, { settings: [[Setting.headerTableSize, 0]], headerTableSize: 0 });
    for (let i = 0; i < 4; i++) {
      t.match(await ask(client, '/same'), { status: 200 });
      origin.connections[0]!.send(pingFrame(Buffer.from(`number ${i}`)), Buffer.from('00000163ff00000000ff', 'hex'));
      await origin.connections[0]!.frame(
        FrameType.ping,
        ({ payload, flags }) => flags === 1 && `${payload}` === `number ${i}`,
      );
    }
    t.equal(origin.connections.length, 1);
    t.ok(origin.requests.every(({ header }) => header(':path') === '/same'));
  },
);

import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { get, type RawClient, rawClient } from './harness/raw-client.ts';
import { policy } from './harness/resources.ts';
import { attributeOf, spanSink } from './harness/span-sink.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';
import { type Answer, type Call, callerOf, originOf, type Protocol, speaking } from './http2/calling.ts';

/** A request to an instance, for as long as the instance has not answered it. */
type Pending = { readonly reply: ServerResponse; readonly request: IncomingMessage; body: string; isGone: boolean };

type Fleet = {
  readonly proxy: StaticProxy;
  readonly ask: (call?: Call) => Promise<Answer>;
  /** Requests that came while instances were slow, in order. */
  readonly pending: Pending[];
  /** From now on nothing is answered. */
  slowDown(): void;
};

const learned = 100;

/** Two instances behind a proxy that knows their usual latency, which is next to none. */
async function fleet(t: Owner, protocol: Protocol, sections: object = {}, spec: object = {}): Promise<Fleet> {
  let isSlow = false;
  const pending: Pending[] = [];
  const handle = (request: IncomingMessage, reply: ServerResponse) => {
    const one: Pending = { reply, request, body: '', isGone: false };
    reply.on('close', () => {
      one.isGone = !reply.writableEnded;
    });
    if (isSlow) pending.push(one);
    request.setEncoding('utf8').on('data', (piece: string) => {
      one.body += piece;
    });
    request.on('end', () => {
      if (!pending.includes(one)) reply.end('usual');
    });
    request.on('error', () => undefined); // the tests have requests given up
  };
  const ports = [await originOf(t, protocol, handle), await originOf(t, protocol, handle)];
  const proxy = await staticProxy(t, {
    resources: [...speaking(protocol, ...ports), policy('app', { hedge: {}, retry: { attempts: 0 }, ...sections })],
    spec,
  });
  const ask = await callerOf(t, 'http1', proxy.port);
  for (let i = 0; i < learned; i++) await ask({});
  return {
    proxy,
    ask: (call = {}) => ask(call),
    pending,
    slowDown: () => {
      isSlow = true;
    },
  };
}

const hedges = (proxy: StaticProxy, result: string) => proxy.metric('meshlane_hedges_total', { result });
const bothCame = ({ pending }: Fleet) => until(() => pending.length === 2, { what: 'the second request' });

for (const protocol of ['http1', 'http2'] as const) {
  t.test(
    `${protocol}: a slow request goes out a second time, to another instance, and the first reply counts`,
    async (t) => {
      const one = await fleet(t, protocol);
      one.slowDown();
      const answer = one.ask({ method: 'PUT', path: '/x', body: Buffer.from('the body') });
      await bothCame(one);
      const [first, second] = one.pending as [Pending, Pending];
      t.not(first.request.socket.localPort, second.request.socket.localPort);
      second.reply.end('second');
      t.equal((await answer).body.toString(), 'second');
      t.equal(second.body, 'the body');
      t.equal(second.request.headers['x-meshlane-attempt'], '2');
      await until(() => first.isGone, { what: 'the end of the request that lost' });
      t.equal(await hedges(one.proxy, 'won'), 1);
      t.equal(await one.proxy.metric('meshlane_requests_in_flight'), 0);
      t.equal(await one.proxy.metric('meshlane_requests_total', { code: '200' }), learned + 1);
    },
  );

  t.test(`${protocol}: the second request is let off when the first has its reply`, async (t) => {
    const one = await fleet(t, protocol);
    one.slowDown();
    const answer = one.ask();
    await bothCame(one);
    const [first, second] = one.pending as [Pending, Pending];
    first.reply.end('first');
    t.equal((await answer).body.toString(), 'first');
    await until(() => second.isGone, { what: 'the end of the request that lost' });
    t.equal(await hedges(one.proxy, 'lost'), 1);
  });

  t.test(`${protocol}: a second request that fails is as good as none`, async (t) => {
    const one = await fleet(t, protocol);
    one.slowDown();
    const answer = one.ask();
    await bothCame(one);
    const [first, second] = one.pending as [Pending, Pending];
    second.reply.writeHead(503).end('broken');
    await until(async () => (await hedges(one.proxy, 'failed')) === 1, { what: 'the failure' });
    first.reply.end('first');
    t.equal((await answer).body.toString(), 'first');
  });

  t.test(`${protocol}: a first request that breaks leaves the second one`, async (t) => {
    const one = await fleet(t, protocol);
    one.slowDown();
    const answer = one.ask();
    await bothCame(one);
    const [first, second] = one.pending as [Pending, Pending];
    first.request.socket.destroy();
    await until(async () => (await hedges(one.proxy, 'won')) === 1, { what: 'the break' });
    second.reply.end('second');
    const got = await answer;
    t.strictSame([got.status, got.body.toString()], [200, 'second']);
  });

  t.test(
    `${protocol}: a failure of the first request is not passed on while the second one may do better`,
    async (t) => {
      const one = await fleet(t, protocol);
      one.slowDown();
      const answer = one.ask();
      await bothCame(one);
      const [first, second] = one.pending as [Pending, Pending];
      first.reply.writeHead(503).end('broken');
      await until(async () => (await hedges(one.proxy, 'won')) === 1, { what: 'the failure' });
      second.reply.end('second');
      t.equal((await answer).body.toString(), 'second');
    },
  );

  t.test(`${protocol}: both requests end when both instances break`, async (t) => {
    const one = await fleet(t, protocol);
    one.slowDown();
    const answer = one.ask();
    await bothCame(one);
    for (const { request } of one.pending) request.socket.destroy();
    t.equal((await answer).status, 502);
    t.equal(await one.proxy.metric('meshlane_requests_in_flight'), 0);
  });
}

t.test('what may not be executed twice goes out once', async (t) => {
  const one = await fleet(t, 'http1', { timeouts: { request: '300ms' } });
  one.slowDown();
  t.equal((await one.ask({ method: 'POST', body: Buffer.from('x') })).status, 504);
  t.equal(one.pending.length, 1);
  const keyed = one.ask({ method: 'POST', body: Buffer.from('x'), fields: { 'idempotency-key': 'a' } });
  await until(() => one.pending.length === 3, { what: 'the second request' });
  one.pending[2]!.reply.end('good');
  t.equal((await keyed).status, 200);
});

t.test('what is too long to be kept goes out once, also when it had to wait for a connection', async (t) => {
  const sections = {
    loadBalancer: { policy: 'round-robin' },
    connections: { max: 1 },
    hedge: { budget: { percent: 1, minPerSecond: 0 } }, // two of a hundred
  };
  const one = await fleet(t, 'http1', sections, { limits: { replayBytes: 10 } });
  one.slowDown();
  const callers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => rawClient(t, one.proxy.port)));
  const [first, second, large, ...others] = callers as [RawClient, RawClient, RawClient, ...RawClient[]];
  first.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n');
  await until(() => one.pending.length === 1, { what: 'the request that keeps one instance busy' });
  second.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n');
  await bothCame(one);
  const body = 'longer than that';
  large.send(`PUT / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n${body}\r\n0\r\n\r\n`);
  await until(async () => (await one.proxy.metric('meshlane_requests_in_flight')) === 3, { what: 'the third request' });
  for (const other of others) other.send(get());
  await until(async () => (await hedges(one.proxy, 'over_budget')) > 0, { what: 'the moment to send it again' });
  one.pending[0]!.reply.end();
  await until(() => one.pending[2]?.body === body, { what: 'the body' });
  one.pending[2]!.request.socket.destroy();
  await until(() => {
    for (const { reply } of one.pending) reply.end();
    return large.received !== '';
  });
  t.equal((await large.reply()).status, 502);
  t.equal(one.pending.filter(({ request }) => request.method === 'PUT').length, 1);
});

t.test('second requests are at most the part of all that the budget says', async (t) => {
  const one = await fleet(t, 'http1', {
    hedge: { budget: { percent: 2, minPerSecond: 0 } },
    timeouts: { request: '400ms' },
  });
  one.slowDown();
  for (let i = 0; i < 10; i++) await one.ask();
  t.equal(one.pending.length, 10 + Math.ceil((learned + 10) * 0.02));
  t.ok((await hedges(one.proxy, 'over_budget')) >= 7);
});

t.test('a second request that could not go anywhere costs nothing of the budget', async (t) => {
  const one = await fleet(t, 'http1', {
    limits: { requests: 2 },
    hedge: { budget: { percent: 1, minPerSecond: 0 } }, // two of a hundred
  });
  one.slowDown();
  const both = [one.ask(), one.ask()];
  const refused = () => one.proxy.metric('meshlane_limit_exceeded_total', { limit: 'requests' });
  await until(async () => (await refused()) === 2, { what: 'the moment to send them again' });
  for (const { reply } of one.pending) reply.end();
  await Promise.all(both);
  const third = one.ask();
  await until(() => one.pending.length === 4, { what: 'the second request' });
  one.pending[3]!.reply.end('second');
  t.equal((await third).body.toString(), 'second');
  t.equal(await hedges(one.proxy, 'over_budget'), 0);
});

t.test('a reply to the second request that the policy would try again is none worth having', async (t) => {
  const retry = { attempts: 0, on: ['retriable-status-codes'], statusCodes: [429] };
  const one = await fleet(t, 'http1', { retry });
  one.slowDown();
  const answer = one.ask();
  await bothCame(one);
  const [first, second] = one.pending as [Pending, Pending];
  second.reply.writeHead(429).end('later');
  await until(async () => (await hedges(one.proxy, 'failed')) === 1, { what: 'the refusal' });
  first.reply.end('first');
  t.equal((await answer).body.toString(), 'first');
});

const traced = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
const outcomes = {
  'the second one wins': {
    act: (_first: Pending, second: Pending) => void second.reply.end(),
    statuses: [undefined, 200],
  },
  'the first one wins': {
    act: (first: Pending) => void first.reply.end(),
    statuses: [200, undefined],
  },
  'the first one has a failure': {
    act: async (first: Pending, second: Pending, one: Fleet) => {
      first.reply.writeHead(503).end();
      await until(async () => (await hedges(one.proxy, 'won')) === 1);
      second.reply.end();
    },
    statuses: [503, 200],
  },
  'the second one has a failure': {
    act: async (first: Pending, second: Pending, one: Fleet) => {
      second.reply.writeHead(503).end();
      await until(async () => (await hedges(one.proxy, 'failed')) === 1);
      first.reply.end();
    },
    statuses: [200, 503],
  },
};

for (const [name, { act, statuses }] of Object.entries(outcomes))
  t.test(`both requests have a span of their own when ${name}`, async (t) => {
    const { spans, endpoint } = await spanSink(t);
    const one = await fleet(t, 'http1', {}, { tracing: { endpoint, sampleRatio: 0 } });
    one.slowDown();
    const answer = one.ask({ fields: traced });
    await bothCame(one);
    const [first, second] = one.pending as [Pending, Pending];
    const ports = one.pending.map(({ request }) => request.socket.localPort);
    await act(first, second, one);
    await answer;
    await until(() => spans.length === 2, { what: 'both spans' });
    for (const [i, { request }] of [first, second].entries()) {
      const id = String(request.headers['traceparent']).split('-')[2];
      const span = spans.find(({ spanId }) => spanId === id)!;
      t.equal(attributeOf(span, 'http.response.status_code'), statuses[i]);
      t.equal(attributeOf(span, 'http.request.resend_count'), i === 0 ? undefined : 1);
      t.equal(attributeOf(span, 'network.peer.port'), ports[i]);
    }
  });

t.test('nothing is hedged before it is known how long replies take', async (t) => {
  let requests = 0;
  const port = await originOf(t, 'http1', () => requests++);
  const proxy = await staticProxy(t, {
    resources: [
      ...speaking('http1', port, port),
      policy('app', { hedge: {}, retry: { attempts: 0 }, timeouts: { request: '200ms' } }),
    ],
  });
  const ask = await callerOf(t, 'http1', proxy.port);
  t.equal((await ask({})).status, 504);
  t.equal(requests, 1);
});

t.test('a caller that leaves ends both requests', async (t) => {
  const one = await fleet(t, 'http1');
  one.slowDown();
  const caller = await rawClient(t, one.proxy.port);
  caller.send(get());
  await bothCame(one);
  caller.socket.resetAndDestroy();
  await until(() => one.pending.every(({ isGone }) => isGone), { what: 'the end of both' });
  t.equal(await one.proxy.metric('meshlane_requests_in_flight'), 0);
});

import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { instance, policy, service, serviceAt } from './harness/resources.ts';
import { type OriginRequest, reply, type ScriptedOrigin, scriptedOrigin } from './harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';

/** What proxies tell each other of a request: the time it has left, and that it has been tried again. */

const deadline = 'x-meshlane-deadline-ms';
const attempt = 'x-meshlane-attempt';
const tries = 'x-meshlane-tries';
const quick = { attempts: 1, backoff: '1ms' };
const withFields = (...fields: string[]) => get('/', 'app', fields.map((field) => `${field}\r\n`).join(''));

type Script = (request: OriginRequest) => string | undefined | Promise<string | undefined>;
type Chain = { readonly origin: ScriptedOrigin; readonly outer: StaticProxy; readonly inner: StaticProxy };

/** caller -> outer's outbound -> inner's inbound -> application, the middle of it over HTTP/1.1 or HTTP/2. */
async function chain(t: Owner, protocol: 'http1' | 'http2', script: Script, sections: object): Promise<Chain> {
  const origin = await scriptedOrigin(t, script);
  const inner = await staticProxy(t, { resources: [service('app')], appPort: origin.port });
  const outer = await staticProxy(t, {
    resources: [service('app'), instance('app-0', 'app', inner.inboundPort, { protocol }), policy('app', sections)],
  });
  return { origin, outer, inner };
}

for (const protocol of ['http1', 'http2'] as const) {
  t.test(`over ${protocol} the application hears what is left of the request's time`, async (t) => {
    const { origin, outer } = await chain(t, protocol, () => reply('good'), { timeouts: { request: '5s' } });
    await ask(t, outer.port, get());
    const left = Number(origin.requests[0]!.header(deadline));
    t.ok(left > 4000 && left <= 5000, `${left} ms`);
    await ask(t, outer.port, withFields(`${deadline}: 2000`));
    const shorter = Number(origin.requests[1]!.header(deadline));
    t.ok(shorter > 1000 && shorter <= 2000, `the caller's, which is shorter: ${shorter} ms`);
    t.notMatch(origin.requests[1]!.head, /deadline-ms(.|\s)*deadline-ms/, 'said once');
  });

  t.test(`over ${protocol} each hop ends with the time of the first`, async (t) => {
    const { outer, inner } = await chain(t, protocol, () => undefined, {});
    const begun = performance.now();
    const got = await ask(t, outer.port, withFields(`${deadline}: 300`));
    t.equal(got.status, 504);
    t.ok(performance.now() - begun < 2000, 'without a timeout of its own');
    t.ok((await inner.metric('meshlane_requests_total', { direction: 'inbound' })) <= 1);
  });

  t.test(`over ${protocol} a second try is told apart from a first one`, async (t) => {
    const { origin, outer } = await chain(t, protocol, ({ index }) => reply('', '', index < 2 ? 503 : 200), {
      retry: { ...quick, attempts: 2, maxBackoff: '1ms' },
    });
    t.equal((await ask(t, outer.port, get())).status, 200);
    t.strictSame(
      origin.requests.map((request) => request.header(attempt)),
      [undefined, '2', '3'],
    );
  });
}

t.test('a request whose time is over when it comes is shed', async (t) => {
  const { origin, outer, inner } = await chain(t, 'http1', () => reply('good'), {});
  for (const port of [outer.port, inner.inboundPort]) {
    const got = await ask(t, port, withFields(`${deadline}: 0`));
    t.strictSame([got.status, got.header('x-meshlane-reason')], [504, 'deadline_exceeded']);
  }
  t.equal(origin.requests.length, 0);
});

t.test('a time that is no number says nothing', async (t) => {
  const { origin, outer } = await chain(t, 'http1', () => reply('good'), {});
  for (const value of ['-1', '1.5', 'soon', '12345678901', ''])
    t.equal((await ask(t, outer.port, withFields(`${deadline}: ${value}`))).status, 200);
  for (const request of origin.requests) t.equal(request.header(deadline), undefined);
});

t.test('a try that could not end in time is not made', async (t) => {
  const { origin, outer } = await chain(
    t,
    'http1',
    async () => {
      await wait(150);
      return reply('', '', 503);
    },
    { retry: { attempts: 5, backoff: '10ms', maxBackoff: '10ms' } },
  );
  await ask(t, outer.port, withFields(`${deadline}: 400`));
  t.ok(origin.requests.length <= 3, `${origin.requests.length} tries of 150 ms in 400`);
});

t.test('a retry of another proxy is not tried again', async (t) => {
  const { origin, outer } = await chain(t, 'http1', () => reply('', '', 503), { retry: quick });
  t.equal((await ask(t, outer.port, withFields(`${attempt}: 2`))).status, 503);
  t.equal(origin.requests.length, 1);
  t.equal(origin.requests[0]!.header(attempt), '2', 'and is still one for those that follow');
  t.equal((await ask(t, outer.port, get())).status, 503);
  t.equal(origin.requests.length, 3);
});

t.test('a failure that was tried again already says so, and is passed on by proxies on its way', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 503));
  const retry = { ...quick, budget: { percent: 100, minPerSecond: 100 } };
  const near = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', { retry })] });
  const middle = await staticProxy(t, { resources: [...serviceAt('app', near.port), policy('app', { retry })] });
  const far = await staticProxy(t, { resources: [...serviceAt('app', middle.port), policy('app', { retry })] });
  const got = await ask(t, far.port, get());
  t.equal(got.status, 503);
  t.equal(got.header(tries), '2');
  t.equal(origin.requests.length, 2, 'by the proxy next to the fault');
});

t.test(
  'under total failure three proxies in a row send a service at most 1.2 times what was asked of the first',
  async (t) => {
    const origin = await scriptedOrigin(t, () => reply('', '', 503));
    const retry = { attempts: 2, backoff: '1ms', maxBackoff: '1ms', budget: { percent: 20, minPerSecond: 0 } };
    const near = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', { retry })] });
    const middle = await staticProxy(t, { resources: [...serviceAt('app', near.port), policy('app', { retry })] });
    const far = await staticProxy(t, { resources: [...serviceAt('app', middle.port), policy('app', { retry })] });
    const client = await rawClient(t, far.port);
    const offered = 500;
    for (let i = 0; i < offered; i++) {
      client.send(get());
      t.equal((await client.reply()).status, 503);
    }
    t.ok(origin.requests.length > offered * 1.1, 'there are retries');
    t.ok(origin.requests.length <= offered * 1.2, `${origin.requests.length} of ${offered}`);
  },
);

t.test('the longest life of an exchange ends it, and a switched connection, too', async (t) => {
  const origin = await scriptedOrigin(t, ({ header }) =>
    header('upgrade') === undefined
      ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
      : 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n',
  );
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { timeouts: { request: '100ms', maxStream: '400ms' } }),
    ],
  });
  for (const [fields, leastMs] of [
    ['', 100],
    ['Connection: Upgrade\r\nUpgrade: own\r\n', 400],
  ] as const) {
    const begun = performance.now();
    const client = await rawClient(t, proxy.port);
    client.send(get('/', 'app', fields));
    await client.closed();
    const took = performance.now() - begun;
    t.ok(took >= leastMs - 20 && took < leastMs + 1500, `${took.toFixed(0)} ms`);
  }
});

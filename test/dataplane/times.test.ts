import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { ask, get, type RawClient, rawClient } from './harness/raw-client.ts';
import { policy, route, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/**
 * Each time bound: what takes less passes, what takes longer is ended, not before the bound and soon after it. The timers
 * are coarse (10 ms) and this machine may be busy, so "soon" is generous.
 */

const soonMs = 1500;
const noRetry = { retry: { attempts: 0 } };

/** How long `ended` took from `begun` on; checks that it is the bound. */
function tookTheBound(t: Owner & { ok: (value: boolean, text: string) => void }, begunMs: number, boundMs: number) {
  const tookMs = performance.now() - begunMs;
  t.ok(tookMs >= boundMs - 1 && tookMs < boundMs + soonMs, `${Math.round(tookMs)} ms for a bound of ${boundMs} ms`);
}

async function gone(client: RawClient): Promise<void> {
  await until(() => client.isClosed || client.hasEnded, { everyMs: 2 });
}

t.test('a head may take limits.headTimeout, and a new connection that says nothing as well', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { limits: { headTimeout: '800ms' } },
  });
  const inTime = await rawClient(t, proxy.port);
  inTime.send(get().slice(0, 10));
  await wait(150);
  inTime.send(get().slice(10));
  t.equal((await inTime.reply()).status, 200);
  let begunMs = performance.now();
  inTime.send(get().slice(0, 10)); // the second head of a connection has its own time
  const answer = await inTime.reply();
  t.equal(answer.status, 408);
  tookTheBound(t, begunMs, 800);
  begunMs = performance.now();
  const silent = await rawClient(t, proxy.port);
  await gone(silent);
  t.equal(silent.received, '');
  tookTheBound(t, begunMs, 790);
});

t.test('an idle connection is kept for limits.keepAliveTimeout', async (t) => {
  const proxy = await staticProxy(t, { spec: { limits: { keepAliveTimeout: '400ms' } } });
  const client = await rawClient(t, proxy.port);
  for (let i = 0; i < 3; i++) {
    client.send(get('/', 'nowhere'));
    t.equal((await client.reply()).status, 404);
    await wait(150);
  }
  client.send(get('/', 'nowhere'));
  await client.reply();
  const begunMs = performance.now();
  t.equal(await client.closed(), '');
  tookTheBound(t, begunMs, 395);
  t.equal(await proxy.metric('meshlane_connections_closed_total', { side: 'downstream', reason: 'idle' }), 1);
});

t.test('0s is no bound', async (t) => {
  const proxy = await staticProxy(t, { spec: { limits: { keepAliveTimeout: '0s', headTimeout: '0s' } } });
  const client = await rawClient(t, proxy.port);
  await wait(50);
  client.send('GET / HTTP/1.1\r\nHost: now');
  await wait(50);
  client.send('here\r\n\r\n');
  t.equal((await client.reply()).status, 404);
  await wait(50);
  client.send(get('/', 'nowhere'));
  t.equal((await client.reply()).status, 404);
});

t.test('silence in a request or a reply lasts for timeouts.idle at most, whoever is silent', async (t) => {
  const origin = await scriptedOrigin(
    t,
    async ({ head, connection }) => {
      if (!head.startsWith('GET /slow')) return undefined;
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n');
      for (const byte of 'abc') {
        await wait(150);
        connection.socket.write(byte);
      }
      if (head.startsWith('GET /slower')) return undefined;
      return undefined;
    },
    { at: 'head' },
  );
  const resources = [...serviceAt('app', origin.port), policy('app', { timeouts: { idle: '400ms' }, ...noRetry })];
  const proxy = await staticProxy(t, { resources });
  t.equal((await ask(t, proxy.port, get('/slow'))).body.toString(), 'abc', 'each pause is short enough');
  const upload = await rawClient(t, proxy.port);
  upload.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\n');
  for (let i = 0; i < 3; i++) {
    await wait(150);
    upload.send('b');
  }
  let begunMs = performance.now();
  const answer = await upload.reply();
  t.equal(answer.header('x-meshlane-reason'), 'body_idle_timeout');
  t.equal(answer.status, 408);
  tookTheBound(t, begunMs, 395);
  begunMs = performance.now();
  t.equal((await ask(t, proxy.port, get('/never'))).header('x-meshlane-reason'), 'upstream_timeout');
  tookTheBound(t, begunMs, 395);
});

t.test('a request and a try have their times, and a reply that is cut by one is counted', async (t) => {
  const origin = await scriptedOrigin(t, async ({ head, connection }) => {
    if (head.startsWith('GET /soon')) await wait(100);
    if (head.startsWith('GET /begun')) connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
    return head.startsWith('GET /soon') ? reply('soon') : undefined;
  });
  for (const [timeouts, reason] of [
    [{ request: '400ms' }, 'request_timeout'],
    [{ perTry: '400ms' }, 'upstream_timeout'],
  ] as const) {
    const resources = [...serviceAt('app', origin.port), policy('app', { timeouts, ...noRetry })];
    const proxy = await staticProxy(t, { resources });
    t.equal((await ask(t, proxy.port, get('/soon'))).body.toString(), 'soon');
    const begunMs = performance.now();
    const answer = await ask(t, proxy.port, get('/never'));
    t.equal(answer.status, 504);
    t.equal(answer.header('x-meshlane-reason'), reason);
    tookTheBound(t, begunMs, 400);
    if (reason === 'upstream_timeout') continue;
    const cut = await rawClient(t, proxy.port);
    cut.send(get('/begun'));
    await until(() => cut.isClosed);
    t.ok(cut.wasReset);
    t.equal(await proxy.metric('meshlane_replies_cut_total', { service: 'app', reason }), 1);
  }
});

t.test('a sidecar gives its application the silence that the policy of its service allows', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined);
  const resources = [...serviceAt('app', 9), policy('app', { timeouts: { idle: '300ms' } })];
  const proxy = await staticProxy(t, { resources, appPort: origin.port });
  const begunMs = performance.now();
  t.equal((await ask(t, proxy.inboundPort, get())).header('x-meshlane-reason'), 'upstream_timeout');
  tookTheBound(t, begunMs, 295);
});

t.test('a policy that keeps idle connections for as long as sidecars do is told', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  for (const [idleTimeout, keepAliveTimeout, isTold] of [
    ['74s', '75s', false],
    ['75s', '75s', true],
    ['0s', '75s', true],
    ['10m', '0s', false],
  ] as const) {
    const resources = [...serviceAt('app', origin.port), policy('app', { connections: { idleTimeout } })];
    const proxy = await staticProxy(t, { resources, spec: { limits: { keepAliveTimeout } } });
    const told = proxy.warnings.filter((warning) => warning['policy'] === 'app-policy');
    t.equal(told.length, isTold ? 1 : 0, `${idleTimeout} with ${keepAliveTimeout}`);
  }
});

/** An instance whose one connection is taken by a reply that goes on for longer than any bound of the test. */
async function busyProxy(t: Owner, sections: object, more: readonly AnyResource[] = []) {
  const origin = await scriptedOrigin(t, async ({ connection: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    while (!socket.destroyed) {
      socket.write('1\r\nx\r\n');
      await wait(50);
    }
    return undefined;
  });
  const resources = [
    ...serviceAt('app', origin.port),
    policy('app', { connections: { max: 1 }, ...sections }),
    ...more,
  ];
  const proxy = await staticProxy(t, { resources, spec: { limits: { replayBytes: 1000 } } });
  const first = await rawClient(t, proxy.port);
  first.send(get());
  await first.until((text) => text.includes('x'));
  return proxy;
}

for (const [section, status, reason] of [
  [{ perTry: '300ms' }, 503, 'overloaded'],
  [{ idle: '300ms' }, 504, 'upstream_timeout'],
] as const)
  t.test(`an upload that waits in line is not taken for a slow one: ${reason}`, async (t) => {
    const proxy = await busyProxy(t, { timeouts: section, ...noRetry });
    const client = await rawClient(t, proxy.port);
    const begunMs = performance.now();
    client.send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(100_000)}`);
    const answer = await client.reply();
    t.strictSame([answer.status, answer.header('x-meshlane-reason')], [status, reason]);
    tookTheBound(t, begunMs, 300);
  });

t.test('who waits in line for too long blames no instance', async (t) => {
  const impatient = route(
    'impatient',
    [{ backends: [{ service: 'app' }], timeouts: { request: '200ms' } }],
    ['impatient'],
  );
  const proxy = await busyProxy(t, { breaker: { consecutiveFailures: 1 }, ...noRetry }, [impatient]);
  for (let i = 0; i < 2; i++) {
    const answer = await ask(t, proxy.port, get('/', 'impatient'));
    t.strictSame(
      [answer.status, answer.header('x-meshlane-reason')],
      [504, 'request_timeout'],
      'the breaker stays closed',
    );
  }
});

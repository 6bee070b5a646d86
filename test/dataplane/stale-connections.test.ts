import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { policy, serviceAt } from './harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Idle connections to an instance that it closes, or on which it says what nobody asked for. */

/** Answers the first request of each connection and closes at the next one, as a server whose idle time is over does. */
function closesTheSecond({ connection, body }: OriginRequest): string | undefined {
  if (connection.received.split(' HTTP/1.1\r\n').length > 2) {
    connection.socket.destroy();
    return undefined;
  }
  return reply(`got ${body}`);
}

const put = 'PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 3\r\n\r\none';
const post = put.replace('PUT', 'POST');
const touchy = { breaker: { consecutiveFailures: 1, openFor: '60s' }, retry: { attempts: 1 } };

async function before(t: Owner, script: (request: OriginRequest) => string | undefined, sections: object) {
  const origin = await scriptedOrigin(t, script);
  const resources = [...serviceAt('app', origin.port), policy('app', sections)];
  const proxy = await staticProxy(t, { resources, appPort: origin.port });
  return { origin, proxy };
}

t.test('a safe request that met a connection being closed goes out once more, and blames nobody', async (t) => {
  const { origin, proxy } = await before(t, closesTheSecond, touchy);
  for (const [i, message] of [get(), get(), put].entries()) {
    t.match((await ask(t, proxy.port, message)).body.toString(), /^got /, `request ${i}`);
  }
  t.equal(origin.connections.length, 3);
  t.equal(await proxy.metric('meshlane_retries_total', { cause: 'stale_connection' }), 2);
  t.equal(await proxy.metric('meshlane_retries_total'), 2);
  t.equal(await proxy.metric('meshlane_breaker_state'), 0);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a request that is not safe to repeat is not', async (t) => {
  const { origin, proxy } = await before(t, closesTheSecond, { retry: { attempts: 3 } });
  t.equal((await ask(t, proxy.port, get())).status, 200);
  const answer = await ask(t, proxy.port, post);
  t.equal(answer.status, 502);
  t.equal(answer.header('x-meshlane-reason'), 'upstream_reset');
  t.equal(origin.requests.length, 2);
});

t.test('the tries of the policy come after it, and 0 of them turns it off', async (t) => {
  const breaks = ({ connection, index }: OriginRequest) => {
    if (index === 0) return reply('first');
    connection.socket.destroy();
    return undefined;
  };
  for (const [attempts, wanted] of [
    [0, 2],
    [1, 4],
  ] as const) {
    const { origin, proxy } = await before(t, breaks, { retry: { attempts, backoff: '1ms' } });
    t.equal((await ask(t, proxy.port, get())).status, 200);
    t.equal((await ask(t, proxy.port, get())).status, 502);
    t.equal(origin.requests.length, wanted, `${attempts} further tries`);
  }
});

t.test('a sidecar sends again to its application what met a connection being closed', async (t) => {
  const { proxy } = await before(t, closesTheSecond, {});
  for (let i = 0; i < 3; i++) t.equal((await ask(t, proxy.inboundPort, get())).status, 200);
  t.equal((await ask(t, proxy.inboundPort, post)).status, 502);
});

t.test(
  'a connection that broke within a reply, or on its first request, is not one that was being closed',
  async (t) => {
    const { origin, proxy } = await before(
      t,
      ({ connection, index, head }) => {
        if (index === 0) return reply('first');
        connection.socket.end(head.startsWith('GET /partly') ? 'HTTP/1.1 2' : 'HTTP/1.1 103 Early Hints\r\n\r\n');
        return undefined;
      },
      { retry: { attempts: 1, on: ['connect-failure', 'reset'], backoff: '1ms' } },
    );
    t.equal((await ask(t, proxy.port, get())).status, 200);
    t.equal((await ask(t, proxy.port, get('/partly'))).status, 502);
    t.equal(origin.requests.length, 3, 'the first and one more try');
    t.equal(await proxy.metric('meshlane_retries_total', { cause: 'stale_connection' }), 0);
  },
);

t.test('bytes that come on an idle connection destroy it, and are no reply to what comes next', async (t) => {
  const { origin, proxy } = await before(t, ({ index }) => reply(`${index}`), {});
  t.equal((await ask(t, proxy.port, get())).body.toString(), '0');
  origin.connections[0]!.socket.write(reply('poison'));
  await until(() => origin.connections[0]!.isClosed);
  t.equal((await ask(t, proxy.port, get())).body.toString(), '1');
  t.equal(origin.connections.length, 2);
  t.equal(await proxy.metric('meshlane_connections_closed_total', { side: 'upstream', reason: 'unasked' }), 1);
});

t.test('a second reply behind the first is not kept for the next request', async (t) => {
  const { origin, proxy } = await before(t, ({ index }) => reply(`${index}`) + reply('poison'), {});
  const client = await rawClient(t, proxy.port);
  for (const wanted of ['0', '1']) {
    client.send(get());
    t.equal((await client.reply()).body.toString(), wanted);
  }
  t.equal(origin.connections.length, 2);
});

t.test('a status outside 100 to 599 and a 101 that nobody asked for are faults of the instance', async (t) => {
  const statusOf = ({ head }: OriginRequest) =>
    `HTTP/1.1 ${head.split(' ')[1]!.slice(1)} X\r\nContent-Length: 0\r\n\r\n`;
  const { proxy } = await before(t, statusOf, { retry: { attempts: 0 } });
  for (const status of ['099', '600', '999', '101', '1000', '20']) {
    const answer = await ask(t, proxy.port, get(`/${status}`));
    t.equal(answer.status, 502, status);
    t.equal(answer.header('x-meshlane-reason'), 'upstream_protocol');
  }
  t.equal((await ask(t, proxy.port, get('/599'))).status, 599);
});

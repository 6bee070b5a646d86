import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { frameOrigin, replyFrames } from '../harness/http2/frame-origin.ts';
import { rstStreamFrame } from '../harness/http2/frame-writer.ts';
import { ask, get } from './harness/raw-client.ts';
import { instance, policy, service, serviceAt } from './harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Without a pause: two tries are two tries at once. */
const quick = { attempts: 1, backoff: '1ms' };
const post = (fields = '') => `POST / HTTP/1.1\r\nHost: app\r\n${fields}Content-Length: 1\r\n\r\nx`;

type Row = {
  /** Condition that has it tried again. */
  readonly on: string;
  readonly first: string | 'reset';
  readonly more?: object;
};

const rows: readonly Row[] = [
  { on: 'reset', first: 'reset' },
  { on: '5xx', first: 'reset' },
  { on: '5xx', first: reply('', '', 500) },
  { on: '5xx', first: reply('', '', 599) },
  { on: 'gateway-error', first: reply('', '', 502) },
  { on: 'gateway-error', first: reply('', '', 503) },
  { on: 'gateway-error', first: reply('', '', 504) },
  { on: 'retriable-4xx', first: reply('', '', 409) },
  { on: 'retriable-status-codes', first: reply('', '', 429), more: { statusCodes: [429, 425] } },
  { on: 'retriable-headers', first: reply('', 'X-Again: 1\r\n', 200), more: { headers: [{ name: 'x-again' }] } },
  {
    on: 'retriable-headers',
    first: reply('', 'x-state: busy\r\n', 404),
    more: { headers: [{ name: 'X-State', value: 'busy' }] },
  },
];

t.test(
  'a request is tried again where the condition is named that its first try has met, and only there',
  async (t) => {
    const cases = await Promise.all(
      rows.flatMap((row, i) =>
        [true, false].map(async (isNamed) => {
          const origin = await scriptedOrigin(t, firstThenGood(row.first));
          return { ...row, isNamed, origin, name: `app-${i}-${isNamed}` };
        }),
      ),
    );
    // One proxy for all of them, since a start takes longer than all requests.
    const proxy = await staticProxy(t, {
      resources: cases.flatMap(({ name, isNamed, on, more, origin }) => [
        ...serviceAt(name, origin.port),
        policy(name, { retry: { ...quick, on: isNamed ? [on] : ['unavailable'], ...more } }),
      ]),
    });
    for (const { name, on, first, isNamed, origin } of cases) {
      const got = await ask(t, proxy.port, get('/', name));
      const what = `${on} after ${first === 'reset' ? 'a reset' : first.slice(9, 12)}`;
      t.equal(origin.requests.length, isNamed ? 2 : 1, what);
      t.equal(got.body.toString() === 'good', isNamed, what);
    }
  },
);

function firstThenGood(first: string): (request: OriginRequest) => string | undefined {
  return ({ index, connection }) => {
    if (index > 0) return reply('good');
    if (first !== 'reset') return first;
    connection.socket.resetAndDestroy();
    return undefined;
  };
}

t.test('a field with another value asks for nothing', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('as it is', 'x-state: idle\r\n'));
  const retry = { ...quick, on: ['retriable-headers'], headers: [{ name: 'x-state', value: 'busy' }] };
  const proxy = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', { retry })] });
  t.equal((await ask(t, proxy.port, get())).body.toString(), 'as it is');
  t.equal(origin.requests.length, 1);
});

t.test('connect-failure alone decides about connections that cannot be made', async (t) => {
  for (const [on, tries] of [
    ['connect-failure', 2],
    ['reset', 0],
  ] as const) {
    const proxy = await staticProxy(t, {
      resources: [...serviceAt('app', await freePort()), policy('app', { retry: { attempts: 2, on: [on] } })],
    });
    t.equal((await ask(t, proxy.port, post())).status, 503);
    t.equal(await proxy.metric('meshlane_retries_total'), tries);
  }
});

t.test(
  'refused-stream decides about streams that were refused before they were handled, whatever the method',
  async (t) => {
    for (const [on, status] of [
      ['refused-stream', 200],
      ['connect-failure', 503],
    ] as const) {
      const origin = await frameOrigin(t, ({ stream, index }) =>
        index === 0 ? rstStreamFrame(stream, 'REFUSED_STREAM') : replyFrames(stream),
      );
      const proxy = await staticProxy(t, {
        resources: [
          service('app', 'http2'),
          instance('app-0', 'app', origin.port),
          policy('app', { retry: { ...quick, on: [on] } }),
        ],
      });
      t.equal((await ask(t, proxy.port, post())).status, status);
    }
  },
);

t.test('a POST with an Idempotency-Key is tried again, one without is not', async (t) => {
  const origin = await scriptedOrigin(t, ({ index }) => reply('', '', index === 1 ? 200 : 503));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { retry: quick })],
  });
  t.equal((await ask(t, proxy.port, post('Idempotency-Key: "a1"\r\n'))).status, 200);
  t.equal(origin.requests[1]!.header('idempotency-key'), '"a1"');
  t.equal((await ask(t, proxy.port, post())).status, 503);
  t.equal(origin.requests.length, 3);
});

t.test('every try goes to an instance that was not tried yet, while there is one', async (t) => {
  const origins = await Promise.all([0, 1, 2, 3].map(() => scriptedOrigin(t, () => reply('', '', 503))));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', ...origins.map(({ port }) => port)),
      policy('app', {
        retry: { attempts: 3, backoff: '1ms', maxBackoff: '1ms' },
        loadBalancer: { policy: 'random' },
      }),
    ],
  });
  for (let i = 1; i <= 10; i++) {
    t.equal((await ask(t, proxy.port, get())).status, 503);
    t.strictSame(
      origins.map(({ requests }) => requests.length),
      [i, i, i, i],
    );
  }
});

import t from 'tap';
import { ask, get } from './harness/raw-client.ts';
import { policy, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

const retry = {
  attempts: 1,
  backoff: '1ms',
  on: ['gateway-error', 'retriable-status-codes'],
  statusCodes: [429],
  maxRetryAfter: '3s',
};
const roundRobin = { loadBalancer: { policy: 'round-robin' } };
const inSeconds = (seconds: number) => Math.ceil(Date.now() / 1000) + seconds;

const pauses: readonly { readonly what: string; readonly fields: () => string; readonly status: number }[] = [
  { what: 'Retry-After in seconds', fields: () => 'Retry-After: 1\r\n', status: 429 },
  {
    what: 'Retry-After as a date',
    fields: () => `Retry-After: ${new Date(inSeconds(1) * 1000).toUTCString()}\r\n`,
    status: 503,
  },
  { what: 'X-RateLimit-Reset in seconds', fields: () => 'X-RateLimit-Reset: 1\r\n', status: 429 },
  { what: 'X-RateLimit-Reset as a moment', fields: () => `X-RateLimit-Reset: ${inSeconds(1)}\r\n`, status: 429 },
];

for (const { what, fields, status } of pauses)
  t.test(`another try waits as long as a ${status} asks for by ${what}`, async (t) => {
    const times: number[] = [];
    const origin = await scriptedOrigin(t, ({ index }) => {
      times.push(performance.now());
      return index === 0 ? reply('', fields(), status) : reply('good');
    });
    const proxy = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', { retry })] });
    t.equal((await ask(t, proxy.port, get())).body.toString(), 'good');
    const pause = times[1]! - times[0]!;
    t.ok(pause >= 990 && pause < 3000, `waited ${pause.toFixed(0)} ms`);
  });

t.test('a reply that asks for a longer pause than the policy allows is passed on', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('later', 'Retry-After: 60\r\n', 503));
  const proxy = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', { retry })] });
  const got = await ask(t, proxy.port, get());
  t.strictSame([got.status, got.body.toString(), got.header('retry-after')], [503, 'later', '60']);
  t.equal(origin.requests.length, 1);
});

t.test('a 503 with Retry-After has its instance avoided, and another one asked at once', async (t) => {
  const tired = await scriptedOrigin(t, () => reply('', 'Retry-After: 60\r\n', 503));
  const fresh = await scriptedOrigin(t, () => reply('good'));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', tired.port, fresh.port), policy('app', { ...roundRobin, retry })],
  });
  for (let i = 0; i < 20; i++) t.equal((await ask(t, proxy.port, get())).body.toString(), 'good');
  t.equal(tired.requests.length, 1);
});

t.test('a 429 with Retry-After speaks for all instances: no other is asked before', async (t) => {
  const origins = await Promise.all([0, 1].map(() => scriptedOrigin(t, () => reply('', 'Retry-After: 60\r\n', 429))));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', ...origins.map(({ port }) => port)), policy('app', { ...roundRobin, retry })],
  });
  for (let i = 0; i < 10; i++) t.equal((await ask(t, proxy.port, get())).status, 429);
  t.strictSame(
    origins.map(({ requests }) => requests.length),
    [5, 5],
  );
});

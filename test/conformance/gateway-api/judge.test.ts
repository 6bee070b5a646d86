import t from 'tap';
import { readAsk, usualRequest } from './ask.ts';
import type { Outcome } from './caller.ts';
import { differencesOf, shareDifferences } from './judge.ts';

const ask = readAsk(
  {
    send: { host: 'echo', path: '/a', headers: { 'X-Kept': 'same' } },
    sees: { by: ['echo-v1', 'echo-v2'], path: '/b', headers: { 'X-Kept': 'same', 'X-Set': 'new' } },
    gets: { headers: { 'X-Reply': 'set' } },
  },
  usualRequest,
);
const seen = { by: 'echo-v2', method: 'GET', host: 'echo', path: '/b', headers: { 'x-set': 'new', 'x-kept': 'same' } };
const right: Outcome = { status: 200, headers: { 'x-reply': 'set' }, seen };

t.test('what is as it should be has no difference', async (t) => {
  t.strictSame(differencesOf(ask, right, 1), []);
});

t.test('every difference is named with what was wanted', async (t) => {
  const { 'x-set': _, ...withoutSet } = seen.headers;
  const wrong: readonly (readonly [Outcome, string[]])[] = [
    [{ ...right, status: 500 }, ['wanted: status 200', 'got: status 500']],
    [{ ...right, headers: {} }, ['wanted: reply x-reply: set']],
    [{ ...right, headers: { 'x-reply': 'set', 'x-more': '1' } }, ['got: reply x-more: 1']],
    [{ ...right, seen: { ...seen, by: 'echo-v3' } }, ['wanted: by echo-v1 or echo-v2', 'got: by echo-v3']],
    [{ ...right, seen: { ...seen, method: 'PUT' } }, ['wanted: method GET', 'got: method PUT']],
    [{ ...right, seen: { ...seen, host: 'other' } }, ['wanted: host echo', 'got: host other']],
    [{ ...right, seen: { ...seen, path: '/a' } }, ['wanted: path /b', 'got: path /a']],
    [{ ...right, seen: { ...seen, headers: withoutSet } }, ['wanted: request x-set: new']],
    [{ ...right, seen: { ...seen, headers: { ...seen.headers, 'x-more': '1' } } }, ['got: request x-more: 1']],
  ];
  for (const [outcome, differences] of wrong) t.strictSame(differencesOf(ask, outcome, 1), differences);
  t.strictSame(differencesOf(ask, right, 2), ['wanted: requests at servers: 1', 'got: requests at servers: 2']);
});

t.test('a request that the proxy answers must come to no server', async (t) => {
  const redirect = readAsk({ send: { host: 'echo', path: '/' }, gets: { status: 302 } }, usualRequest);
  const answer: Outcome = { status: 302, headers: {}, seen: null };
  t.strictSame(differencesOf(redirect, answer, 0), []);
  t.strictSame(differencesOf(redirect, answer, 1), ['wanted: requests at servers: 0', 'got: requests at servers: 1']);
  t.ok(differencesOf(redirect, { ...answer, seen }, 1).includes('got: by echo-v2'));
});

t.test('a share may be a point of percent off, and nobody else may have one', async (t) => {
  const { send } = ask;
  const shares = { send, requests: 1000, percent: { 'echo-v1': 70, 'echo-v2': 20, '500 no_backend': 10 } };
  const outcomes = (...counts: readonly number[]) => {
    const kinds: readonly Outcome[] = [
      ...['echo-v1', 'echo-v2', 'echo-v3'].map((by) => ({ ...right, seen: { ...seen, by } })),
      { status: 500, headers: { 'x-meshlane-reason': 'no_backend' }, seen: null },
    ];
    return kinds.flatMap((kind, i) => new Array<Outcome>(counts[i]!).fill(kind));
  };
  t.strictSame(shareDifferences(shares, outcomes(710, 190, 0, 100)), []);
  t.strictSame(shareDifferences(shares, outcomes(711, 200, 0, 89)), [
    'echo-v1 got 71.10 %, wanted: 70',
    '500 no_backend got 8.90 %, wanted: 10',
  ]);
  t.strictSame(shareDifferences(shares, outcomes(700, 199, 1, 100)), ['echo-v3 got 0.10 %, wanted: none']);
  t.strictSame(shareDifferences(shares, outcomes(700, 200, 0, 0)), ['500 no_backend got 0.00 %, wanted: 10']);
});

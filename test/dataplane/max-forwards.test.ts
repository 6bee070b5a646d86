import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { ask, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

async function hop(t: Owner) {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  return { proxy, origin };
}

const request = (method: string, fields: string, target = '/') =>
  `${method} ${target} HTTP/1.1\r\nHost: app\r\nBefore: 1\r\n${fields}After: 2\r\n\r\n`;

t.test('Max-Forwards counts down on TRACE and OPTIONS (RFC 9110 §7.6.2)', async (t) => {
  const { proxy, origin } = await hop(t);
  for (const method of ['TRACE', 'OPTIONS'])
    for (const [value, next] of [
      ['1', '0'],
      ['10', '9'],
      ['0070', '69'],
      ['1000', '999'],
      ['1001', '999'],
      ['9'.repeat(40), '999'],
    ] as const) {
      t.equal((await ask(t, proxy.port, request(method, `max-FORWARDS: ${value}\r\n`))).status, 200);
      t.match(origin.requests.at(-1)?.head, new RegExp(`\r\nMax-Forwards: ${next}\r\n`), `${method} ${value}`);
      t.equal(origin.requests.at(-1)?.head.match(/max-forwards/gi)?.length, 1);
    }
});

t.test('an OPTIONS that may go no further is answered here, on a connection that stays', async (t) => {
  const { proxy, origin } = await hop(t);
  const caller = await rawClient(t, proxy.port);
  for (const target of ['/', '*', 'http://app/']) {
    caller.send(request('OPTIONS', 'Max-Forwards: 0\r\n', target));
    const got = await caller.reply();
    t.equal(got.status, 200, target);
    t.equal(got.header('x-meshlane-reason'), 'max_forwards');
  }
  caller.send(request('OPTIONS', 'Max-Forwards: 1\r\n'));
  t.equal((await caller.reply()).body.toString(), 'fine');
  t.equal(origin.requests.length, 1);
  t.equal(await proxy.metric('meshlane_requests_in_flight'), 0);
  t.equal(await proxy.metric('meshlane_local_replies_total', { reason: 'max_forwards' }), 3);
});

t.test('a TRACE that may go no further is refused, and shows nothing of what it carried', async (t) => {
  const { proxy, origin } = await hop(t);
  const got = await ask(t, proxy.port, request('TRACE', 'Max-Forwards: 0\r\nCookie: secret\r\n'));
  t.equal(got.status, 501);
  t.notMatch(`${got.head}${got.body}`, /secret/);
  t.equal(origin.requests.length, 0);
});

t.test('a Max-Forwards that is not one number is refused where it has a meaning', async (t) => {
  const { proxy, origin } = await hop(t);
  for (const value of ['', '-1', '+1', '1.5', 'a', '1 1', '0x1', '1, 2', '9'.repeat(65), '1\r\nMax-Forwards: 1'])
    for (const method of ['TRACE', 'OPTIONS'])
      t.equal((await ask(t, proxy.port, request(method, `Max-Forwards: ${value}\r\n`))).status, 400, value);
  t.equal(origin.requests.length, 0);
});

t.test('Max-Forwards means nothing to other methods and travels on', async (t) => {
  const { proxy, origin } = await hop(t);
  for (const value of ['0', '5', 'many']) {
    t.equal((await ask(t, proxy.port, request('GET', `Max-Forwards: ${value}\r\n`))).status, 200);
    t.equal(origin.requests.at(-1)?.header('max-forwards'), value);
  }
});

t.test('a limit of one request does not hold for the next on its connection', async (t) => {
  const { proxy, origin } = await hop(t);
  const caller = await rawClient(t, proxy.port);
  for (const byte of request('OPTIONS', 'Max-Forwards: 0\r\n')) caller.send(byte);
  t.equal((await caller.reply()).header('x-meshlane-reason'), 'max_forwards');
  caller.send(request('OPTIONS', ''));
  t.equal((await caller.reply()).body.toString(), 'fine');
  t.equal(origin.requests[0]?.header('max-forwards'), undefined);
});

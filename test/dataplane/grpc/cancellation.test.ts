import { constants } from 'node:http2';
import t from 'tap';
import type { ServedCall } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { type Chain, twoProxies } from './two-proxies.ts';

/** Calls that one side ends before the other has come to its end, through the proxies of a caller and of a server. */

const chain = (t: Owner, script: (call: ServedCall) => unknown) => twoProxies(t, script, { at: 'head' });

/** The server hears of it within a second. */
const heard = (call: ServedCall) =>
  until(() => call.resetCode !== null, { timeoutMs: 1000, everyMs: 5, what: 'the reset at the server' });
const arrived = ({ server }: Chain) => until(() => server.calls[0], { everyMs: 5, what: 'the call at the server' });

const moments: Readonly<Record<string, (call: ServedCall) => void>> = {
  'before the head': () => undefined,
  'after the head': (call) => call.head(),
  'between messages': (call) => {
    call.head();
    call.send(Buffer.from('first'));
  },
};

for (const [moment, script] of Object.entries(moments)) {
  t.test(`a call that its caller cancels ${moment} is cancelled at the server`, async (t) => {
    const running = await chain(t, script);
    const call = running.client.call('/pkg.Service/Method');
    call.send(Buffer.from('first'));
    const served = await arrived(running);
    await until(() => served.messages.length === 1);
    if (moment === 'after the head') await until(() => call.head);
    if (moment === 'between messages') await call.received(1);
    call.cancel();
    await heard(served);
    t.equal(served.resetCode, constants.NGHTTP2_CANCEL);
  });

  t.test(`a call whose caller is lost ${moment} is cancelled at the server`, async (t) => {
    const running = await chain(t, script);
    running.client.call('/pkg.Service/Method').send(Buffer.from('first'));
    const served = await arrived(running);
    await until(() => served.messages.length === 1);
    running.client.session.destroy();
    await heard(served);
    t.equal(served.resetCode, constants.NGHTTP2_CANCEL);
  });
}

t.test('a cancelled call takes neither its connection nor other calls along', async (t) => {
  const running = await chain(t, (call) => {
    if (call.path === '/pkg.Service/Wait') call.head();
    else call.stream.on('end', () => call.answer(Buffer.from('answer')));
  });
  const other = running.client.call('/pkg.Service/Other');
  for (let i = 0; i < 20; i++) {
    const call = running.client.call('/pkg.Service/Wait');
    await until(() => call.head, { everyMs: 5 });
    call.cancel();
  }
  other.end(Buffer.from('question'));
  t.equal((await other.ended).status, 0);
  t.equal(new Set(running.server.calls.map(({ session }) => session)).size, 1, 'one connection at the server');
});

t.test('a server may end a call before its request is whole', async (t) => {
  const { client } = await chain(t, (call) =>
    call.stream.once('data', () => call.end(8, { 'grpc-message': 'enough' })),
  );
  const call = client.call('/pkg.Service/Method');
  call.send(Buffer.from('first'));
  const response = new Promise((resolve) => call.stream.once('response', resolve));
  t.match(await response, { 'grpc-status': '8', 'grpc-message': 'enough' });
  call.cancel();
  t.equal((await call.ended).status, 8);
});

import t from 'tap';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { type WireClient, wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, type WireServer, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { policy } from '../harness/resources.ts';
import { type StaticProxy, staticProxy } from '../harness/static-proxy.ts';
import { grpcServiceAt } from './resources.ts';

/** Retries on what a call ends with, in whichever HEADERS it stands, for as long as nothing reached the caller. */

const statuses = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
} as const;
type Condition = keyof typeof statuses;

/** The two ways in which a call without messages may end. */
const endings: Readonly<Record<string, (call: ServedCall, status: number) => void>> = {
  'trailers only': (call, status) => call.end(status, { 'grpc-message': 'not%20now', 'x-try': String(call.index) }),
  'trailers after a head': (call, status) => {
    call.head({ 'x-head': String(call.index) });
    call.end(status, { 'grpc-message': 'not%20now', 'x-try': String(call.index) });
  },
};

type Chain = { readonly server: WireServer; readonly client: WireClient; readonly proxy: StaticProxy };

async function chain(
  t: Owner,
  script: (call: ServedCall) => unknown,
  { on, at = 'whole' }: { on?: readonly Condition[]; at?: 'head' | 'whole' } = {},
): Promise<Chain> {
  const server = await wireServer(t, script, { at });
  const retry = { attempts: 2, backoff: '1ms', methods: ['POST'], ...(on ? { on } : {}) };
  const proxy = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), policy('app', { retry })] });
  return { server, proxy, client: await wireClient(t, proxy.port) };
}

const answer = (call: ServedCall) => call.answer(Buffer.from(`try ${call.index}`), { 'x-head': String(call.index) });

for (const [ending, endWith] of Object.entries(endings))
  t.test(`a call is tried again on the statuses that the policy names, told in ${ending}`, async (t) => {
    for (const condition of Object.keys(statuses) as Condition[]) {
      const fail = (call: ServedCall) => (call.index === 0 ? endWith(call, statuses[condition]) : answer(call));
      const { server, proxy, client } = await chain(t, fail, { on: [condition] });
      const message = Buffer.from('the same both times');
      const end = await client.ask('/pkg.Service/Method', { message });
      t.equal(end.status, 0, condition);
      t.equal(end.messages.map(({ bytes }) => bytes.toString()).join(), 'try 1');
      t.equal(fieldOf(end.head!, 'x-head'), '1', 'nothing of the first try is seen');
      t.equal(end.trailers!.get('x-try'), undefined);
      t.equal(server.calls.length, 2);
      for (const { messages } of server.calls) t.strictSame(messages[0]?.bytes, message);
      t.equal(await proxy.metric('meshlane_retries_total'), 1);
    }
  });

for (const [ending, endWith] of Object.entries(endings)) {
  t.test(`a status that the policy does not name is passed on as it is, told in ${ending}`, async (t) => {
    const { server, client } = await chain(t, (call) => endWith(call, 13), { on: ['unavailable', 'cancelled'] });
    const end = await client.ask('/pkg.Service/Method');
    t.equal(end.status, 13);
    t.equal(end.text, 'not now');
    t.equal(fieldOf(end.trailers!, 'x-try'), '0');
    t.equal(end.isTrailersOnly, ending === 'trailers only');
    t.equal(server.calls.length, 1);
  });

  t.test(`when tries are used up the last one’s status is passed on, told in ${ending}`, async (t) => {
    const { server, client } = await chain(t, (call) => endWith(call, 14), { on: ['unavailable'] });
    const end = await client.ask('/pkg.Service/Method');
    t.equal(end.status, 14);
    t.equal(end.text, 'not now');
    t.equal(fieldOf(end.trailers!, 'x-try'), '2');
    t.equal(server.calls.length, 3);
  });

  t.test(`without a policy that names statuses a call is made once, told in ${ending}`, async (t) => {
    const { server, client } = await chain(t, (call) => endWith(call, 14));
    t.equal((await client.ask('/pkg.Service/Method')).status, 14);
    t.equal(server.calls.length, 1);
  });
}

for (const { what, bytes } of [
  { what: 'a message', bytes: Buffer.from('first') },
  { what: 'an empty message', bytes: Buffer.alloc(0) },
])
  t.test(`a call of which ${what} was passed on is not tried again`, async (t) => {
    const { server, client } = await chain(
      t,
      (call) => {
        call.head();
        call.send(bytes);
      },
      { on: ['unavailable'] },
    );
    const call = client.call('/pkg.Service/Method', { message: Buffer.from('question') });
    await call.received(1);
    server.calls[0]!.end(14);
    t.equal((await call.ended).status, 14);
    t.equal(server.calls.length, 1);
  });

t.test('a request that is longer than what may be kept is sent once', async (t) => {
  const { server, client } = await chain(t, (call) => call.end(14), { on: ['unavailable'] });
  const message = Buffer.alloc(100_000);
  t.equal((await client.ask('/pkg.Service/Method', { message })).status, 14);
  t.equal(server.calls.length, 1);
});

t.test('a caller that waits for the head before it goes on gets it, however retries are set', async (t) => {
  const { client } = await chain(
    t,
    (call) => {
      call.head({ 'x-head': 'early' });
      call.stream.on('end', () => {
        call.send(Buffer.from('all'));
        call.end(0);
      });
    },
    { on: ['unavailable'], at: 'head' },
  );
  const call = client.call('/pkg.Service/Method');
  call.send(Buffer.from('first'));
  const response = new Promise((resolve) => call.stream.once('response', resolve));
  t.match(await response, { 'x-head': 'early' });
  call.end(Buffer.from('last'));
  t.equal((await call.ended).status, 0);
});

t.test('a call that the next proxy could not pass on goes out again, though no status is named', async (t) => {
  const { server, client } = await chain(t, (call) =>
    call.index === 0 ? call.end(14, { 'x-meshlane-reason': 'upstream_connect' }) : answer(call),
  );
  t.equal((await client.ask('/pkg.Service/Method')).status, 0);
  t.equal(server.calls.length, 2);
});

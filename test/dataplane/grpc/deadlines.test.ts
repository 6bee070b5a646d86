import { constants } from 'node:http2';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { type WireClient, wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, type WireServer, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { policy, route } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { checkLocalReply } from './local-reply.ts';
import { grpcService, grpcServiceAt } from './resources.ts';

/** `grpc-timeout` (PROTOCOL-HTTP2.md, "Timeout"), and what the mesh's own timeouts make of it. */

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** Time that a call may take on its way, on a busy machine. */
const wayMs = 900;
const soonMs = 1500;

function timeoutMs(value: string | undefined): number {
  const [, count, unit] = /^(\d{1,8})([HMSmun])$/.exec(value ?? '') ?? [];
  if (count === undefined) throw new Error(`${JSON.stringify(value)} is no timeout of gRPC`);
  return Number(count) * unitsMs[unit!]!;
}

const timeoutOf = (call: ServedCall) => fieldOf(call.fields, 'grpc-timeout');

type Chain = { readonly server: WireServer; readonly client: WireClient };

/** A server behind a proxy whose policy has these sections. */
async function chain(t: Owner, script: (call: ServedCall) => unknown, sections: object = {}): Promise<Chain> {
  const server = await wireServer(t, script);
  const proxy = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), policy('app', sections)] });
  return { server, client: await wireClient(t, proxy.port) };
}

const answer = (call: ServedCall) => call.answer(Buffer.from('answer'));
const ask = (client: WireClient, timeout?: string) =>
  client.ask('/pkg.Service/Method', timeout === undefined ? {} : { fields: { 'grpc-timeout': timeout } });

t.test('the server gets what is left of a timeout, whatever its unit', async (t) => {
  const { server, client } = await chain(t, answer);
  const timeouts = ['1H', '2M', '7S', '30000m', '99999999u'];
  for (const timeout of timeouts) t.equal((await ask(client, timeout)).status, 0, timeout);
  for (const [i, timeout] of timeouts.entries()) {
    const given = timeoutMs(timeout);
    const got = timeoutMs(timeoutOf(server.calls[i]!));
    t.ok(got <= Math.ceil(given) && got > given - wayMs, `${timeout} became ${timeoutOf(server.calls[i]!)}`);
  }
});

t.test('a timeout of thousands of years stays a long one', async (t) => {
  const { server, client } = await chain(t, answer);
  t.equal((await ask(client, '99999999H')).status, 0);
  t.ok(timeoutMs(timeoutOf(server.calls[0]!)) > 365 * 24 * unitsMs['H']!);
});

const clipped = [
  { title: 'the caller’s', sections: { timeouts: { request: '30s' } }, timeout: '8S', ms: 8000 },
  { title: 'the policy’s', sections: { timeouts: { request: '5s' } }, timeout: '30S', ms: 5000 },
  { title: 'the policy’s, when the caller has none', sections: { timeouts: { request: '5s' } }, ms: 5000 },
];
for (const { title, sections, timeout, ms } of clipped)
  t.test(`the server’s deadline is the nearest: ${title}`, async (t) => {
    const { server, client } = await chain(t, answer, sections);
    t.equal((await ask(client, timeout)).status, 0);
    const got = timeoutMs(timeoutOf(server.calls[0]!));
    t.ok(got <= ms && got > ms - wayMs, `${got} ms of ${ms} ms`);
  });

t.test('a rule’s timeout is heard of as well, and an inbound listener counts like an outbound one', async (t) => {
  const server = await wireServer(t, answer);
  const inner = await staticProxy(t, { resources: [grpcService('app')], appPort: server.port });
  const rule = { backends: [{ service: 'app' }], timeouts: { request: '5s' } };
  const outer = await staticProxy(t, { resources: [...grpcServiceAt('app', inner.inboundPort), route('all', [rule])] });
  t.equal((await ask(await wireClient(t, outer.port), '30S')).status, 0);
  const got = timeoutMs(timeoutOf(server.calls[0]!));
  t.ok(got <= 5000 && got > 5000 - wayMs, `${got} ms`);
});

t.test('without any timeout none is made up', async (t) => {
  const { server, client } = await chain(t, answer);
  t.equal((await ask(client)).status, 0);
  t.equal(timeoutOf(server.calls[0]!), undefined);
});

const strange = ['', '5', 'S', '5s', '5X', '-5S', '5.5S', '123456789S'];
t.test('what is no timeout of gRPC is passed on as it is and bounds nothing', async (t) => {
  const { server, client } = await chain(t, answer);
  for (const [i, timeout] of strange.entries()) {
    t.equal((await ask(client, timeout)).status, 0, JSON.stringify(timeout));
    t.equal(timeoutOf(server.calls[i]!), timeout);
  }
});

const expiring = [
  { title: 'its own timeout passed', timeout: '300m', sections: {} },
  { title: 'the request timeout passed', timeout: '30S', sections: { timeouts: { request: '300ms' } } },
];
for (const { title, timeout, sections } of expiring)
  t.test(`a call is answered and its server’s stream reset when ${title}`, async (t) => {
    const { server, client } = await chain(t, () => undefined, sections);
    const begunMs = performance.now();
    checkLocalReply(t, await ask(client, timeout), 'request_timeout');
    const tookMs = performance.now() - begunMs;
    t.ok(tookMs >= 299 && tookMs < 300 + soonMs, `${Math.round(tookMs)} ms`);
    await until(() => server.calls[0]!.resetCode !== null, { timeoutMs: 1000, what: 'the reset' });
    t.equal(server.calls[0]!.resetCode, constants.NGHTTP2_CANCEL);
  });

t.test('a stream whose time passes between messages ends with that status and keeps what came', async (t) => {
  const { server, client } = await chain(t, (call) => {
    call.head();
    call.send(Buffer.from('first'));
  });
  const end = await ask(client, '300m');
  t.equal(end.messages.length, 1);
  t.equal(end.status, 4);
  await until(() => server.calls[0]!.resetCode !== null, { timeoutMs: 1000, what: 'the reset' });
});

t.test('each try gets what the tries before it have left', async (t) => {
  const { server, client } = await chain(
    t,
    async (call) => {
      if (call.index > 0) return answer(call);
      await wait(400);
      call.end(14);
    },
    { retry: { attempts: 1, on: ['unavailable'], methods: ['POST'] } },
  );
  t.equal((await ask(client, '10S')).status, 0);
  const [first, second] = server.calls.map((call) => timeoutMs(timeoutOf(call)));
  t.ok(second! <= first! - 390, `${first} ms, then ${second} ms`);
});

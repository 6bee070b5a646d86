import type { ServerResponse } from 'node:http';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { policy } from './harness/resources.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';
import { callerOf, originOf, type Protocol, speaking } from './http2/calling.ts';

/** An instance that answers by a script, behind a proxy whose breaker has these settings. */
async function breaking(t: Owner, protocol: Protocol, breaker: object) {
  const script = { answer: (reply: ServerResponse, _path: string): unknown => reply.end('fine') };
  const paths: string[] = [];
  const port = await originOf(t, protocol, (request, reply) => {
    paths.push(request.url!);
    script.answer(reply, request.url!);
  });
  const proxy = await staticProxy(t, {
    resources: [
      ...speaking(protocol, port),
      policy('app', { retry: { attempts: 0 }, breaker: { openFor: '200ms', jitter: 0, ...breaker } }),
    ],
  });
  const call = callerOf(t, protocol, proxy.port);
  const ask = async (path = '/') => (await call({ path })).status;
  return { script, paths, proxy, ask };
}

const state = (proxy: StaticProxy) => proxy.metric('meshlane_breaker_state', { service: 'app', instance: 'app-0' });
const moves = (proxy: StaticProxy, to: string, cause: string) =>
  proxy.metric('meshlane_breaker_transitions_total', { service: 'app', instance: 'app-0', to, cause });
const fail = (reply: ServerResponse) => reply.writeHead(500).end();

for (const protocol of ['http1', 'http2'] as const) {
  t.test(`one probe closes the breaker, and no error follows that is not new, over ${protocol}`, async (t) => {
    const { script, paths, proxy, ask } = await breaking(t, protocol, { consecutiveFailures: 3 });
    const held: ServerResponse[] = [];
    script.answer = (reply, path) => (path === '/early' ? held.push(reply) : fail(reply));
    const early = Array.from({ length: 5 }, () => ask('/early'));
    await until(() => held.length === 5);
    for (let i = 0; i < 3; i++) t.equal(await ask(), 500);
    t.equal(await state(proxy), 2);

    const probes: ServerResponse[] = [];
    script.answer = (reply) => probes.push(reply);
    const seen = paths.length;
    const probe = until(async () => (await ask('/late')) === 200);
    await until(() => probes.length === 1);
    t.equal(await state(proxy), 1);
    for (let i = 0; i < 10; i++) t.equal(await ask('/late'), 503, 'nobody else goes there meanwhile');
    t.equal(paths.length, seen + 1, 'one request was sent since it opened');
    script.answer = (reply) => reply.end('fine');
    probes[0]!.end('fine');
    await probe;
    t.equal(await state(proxy), 0);

    for (const reply of held) fail(reply);
    t.same(await Promise.all(early), [500, 500, 500, 500, 500]);
    for (let i = 0; i < 10; i++) t.equal(await ask(), 200, 'requests from before it opened do not open it again');
    t.equal(await moves(proxy, 'open', 'consecutive_failures'), 1);
    t.equal(await moves(proxy, 'half-open', 'timeout'), 1);
    t.equal(await moves(proxy, 'closed', 'probe_passed'), 1);
    t.equal(await proxy.metric('meshlane_breaker_transitions_total'), 3);
  });

  t.test(`three probes have to pass, and the first that fails opens it, over ${protocol}`, async (t) => {
    const { script, proxy, ask } = await breaking(t, protocol, { consecutiveFailures: 1, probes: 3 });
    script.answer = fail;
    await ask();
    const probes: ServerResponse[] = [];
    script.answer = (reply) => probes.push(reply);
    const round = async () => {
      probes.length = 0;
      const asked: Promise<number>[] = [];
      await until(() => {
        asked.push(ask());
        return probes.length === 3;
      });
      asked.push(ask());
      return asked;
    };
    const first = await round();
    t.equal(probes.length, 3, 'no more than three at once');
    probes[0]!.end('fine');
    await until(async () => (await proxy.metric('meshlane_requests_total', { code: '200' })) === 1);
    t.equal(await state(proxy), 1);
    fail(probes[1]!);
    await until(async () => (await state(proxy)) === 2);
    t.equal(await moves(proxy, 'open', 'probe_failed'), 1);
    probes[2]!.end('too late');
    await Promise.all(first);
    t.equal(await state(proxy), 2, 'the third is of no account');

    const second = await round();
    for (const [i, reply] of probes.entries()) {
      t.equal(await state(proxy), 1, `after ${i}`);
      reply.end('fine');
      await until(async () => (await proxy.metric('meshlane_requests_total', { code: '200' })) === 3 + i);
    }
    script.answer = (reply) => reply.end('fine');
    t.equal(await state(proxy), 0);
    await Promise.all(second);
    t.equal(await ask(), 200);
    t.equal(await moves(proxy, 'half-open', 'timeout'), 2);
    t.equal(await moves(proxy, 'closed', 'probe_passed'), 1);
  });

  t.test(`a rate of successes opens it, to which too many requests count, over ${protocol}`, async (t) => {
    const successRate = { threshold: 0.6, minRequests: 10 };
    const { script, proxy, ask } = await breaking(t, protocol, { consecutiveFailures: 0, successRate });
    for (let i = 0; i < 6; i++) await ask();
    script.answer = fail;
    for (let i = 0; i < 2; i++) await ask();
    script.answer = (reply) => reply.writeHead(429).end();
    for (let i = 0; i < 2; i++) await ask();
    t.equal(await state(proxy), 0, 'six of ten');
    t.equal(await ask(), 429);
    t.equal(await state(proxy), 2);
    t.equal(await moves(proxy, 'open', 'success_rate'), 1);
    await until(async () => (await ask()) === 429, { what: 'the probe' });
    t.equal(await moves(proxy, 'open', 'probe_failed'), 1, 'a limited probe is none that passed');
    script.answer = (reply) => reply.end('fine');
    await until(async () => (await ask()) === 200);
    t.equal(await state(proxy), 0);
  });
}

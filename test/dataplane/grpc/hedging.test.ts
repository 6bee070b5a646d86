import t from 'tap';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import { until } from '../../harness/until.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { grpcServiceAt } from './resources.ts';

/** Calls of gRPC that go out a second time while they are slow. */

const method = '/pkg.Service/Method';
const learned = 100;
const notFound = 5;
const unavailable = 14;

for (const { status, what, result, opens } of [
  { status: notFound, what: 'an answer, which blames nobody', result: 'won', opens: 0 },
  { status: unavailable, what: 'a failure, which counts for its instance', result: 'failed', opens: 1 },
])
  t.test(`the status ${status} of the second call is ${what}`, async (t) => {
    let isSlow = false;
    const slow: ServedCall[] = [];
    const script = (call: ServedCall) => (isSlow ? slow.push(call) : call.answer(Buffer.from('usual')));
    const servers = [await wireServer(t, script), await wireServer(t, script)];
    const sections = { hedge: {}, retry: { attempts: 0, methods: ['POST'] }, breaker: { consecutiveFailures: 1 } };
    const resources = [...grpcServiceAt('app', ...servers.map(({ port }) => port)), policy('app', sections)];
    const proxy = await staticProxy(t, { resources });
    const client = await wireClient(t, proxy.port);
    for (let i = 0; i < learned; i++) await client.ask(method);
    isSlow = true;
    const asked = client.ask(method);
    await until(() => slow.length === 2, { what: 'the second call' });
    slow[1]!.end(status);
    const hedges = () => proxy.metric('meshlane_hedges_total', { result });
    await until(async () => (await hedges()) === 1, { what: 'what comes of the second call' });
    if (result === 'failed') slow[0]!.answer(Buffer.from('first'));
    t.equal((await asked).status, result === 'won' ? status : 0);
    t.equal(await proxy.metric('meshlane_breaker_transitions_total', { to: 'open' }), opens);
  });

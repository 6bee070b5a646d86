import { parseArgs } from 'node:util';
import t from 'tap';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { Explanation } from '../../shared/routing/explain/explanation.ts';
import { Random } from '../conformance/http1/mutations/random.ts';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { grpcService } from './grpc/resources.ts';
import { instance, policy, route, service } from './harness/resources.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';
import { callerOf, type Protocol } from './http2/calling.ts';
import { callHttp1, callHttp2 } from './policies-chaos/callers.ts';
import { instanceOf, Meeting, type Play } from './policies-chaos/instances.ts';

/**
 * A proxy with every policy there is, between callers and instances that do anything. Whatever they do, who waits is answered once and
 * with the reply to the own request, bodies arrive whole or not at all, and when all is over nothing is counted as under way: as many
 * requests and retries as ever get through at once. `node policies-chaos.test.ts --seed N --runs N` draws others, or more.
 */

const { values: flags } = parseArgs({
  options: { seed: { type: 'string' }, runs: { type: 'string' } },
  strict: false,
});
const seed = Number(flags['seed'] ?? 1);
const runs = Number(flags['runs'] ?? 2);

/** Requests, and retries, that the service takes at once: each of three instances the same part. */
const mostAtOnce = 12;
const mostRetries = 4;
const mostGrownBytes = 150_000_000;
const budget = { percent: 100, minPerSecond: 1000 };

const soon = { openFor: '20ms', maxOpenFor: '40ms', probes: 2 };
const sections = {
  loadBalancer: { policy: 'round-robin' },
  connections: { max: mostAtOnce / 3, maxPending: 4, backoff: '1ms', maxBackoff: '5ms' },
  timeouts: { request: '400ms', perTry: '120ms', idle: '300ms' },
  retry: {
    on: ['5xx', 'retriable-4xx', 'retriable-status-codes', 'unavailable', 'resource-exhausted'],
    statusCodes: [429],
    methods: ['GET', 'HEAD', 'PUT'],
    backoff: '1ms',
    budget,
  },
  hedge: { quantile: 0.5, minDelay: '5ms', budget },
  breaker: { ...soon, successRate: { window: '200ms' }, fallback: { service: 'spare' } },
  outlierDetection: { interval: '50ms', baseEjectionTime: '20ms', maxEjectionTime: '50ms', maxEjectionPercent: 50 },
  limits: { requests: mostAtOnce, retries: mostRetries },
  concurrency: { minLimit: mostAtOnce / 3, maxLimit: mostAtOnce / 2, updateInterval: '20ms', measureInterval: '200ms' },
};

const chaos = {
  name: 'chaos',
  matches: [{ path: { value: '/chaos' } }],
  filters: [
    {
      type: 'Fault',
      fault: { delay: { duration: '20ms', percent: 15 }, abort: { status: 503, percent: 3 } },
    },
    { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-set', value: 'new' }] } },
    { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-replied', value: 'yes' }] } },
    { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/to' } } },
    { type: 'CORS', cors: { allowOrigins: ['https://shop.example'] } },
  ],
  backends: [{ service: 'app' }],
  mirrors: [{ service: 'copy', percent: 50, compare: true }],
  breaker: { ...soon, consecutiveFailures: 4, fallback: { status: 203, body: 'cut off' } },
  sessionPersistence: { sessionName: 'session' },
  rateLimits: [
    { name: 'by-trace', requests: 200, burst: 60, key: { header: 'traceparent' } },
    { name: 'all', requests: 100_000 },
  ],
};
/** For what has to get through, however slow the machine is. */
const steady = {
  name: 'steady',
  timeouts: { request: '10s', backendRequest: '10s', idle: '10s' },
  backends: [{ service: 'app' }],
};

type Kind = Protocol | 'grpc';

async function resourcesFor(t: Owner, kind: Kind, play: Play): Promise<AnyResource[]> {
  const protocol = kind === 'http1' ? 'http1' : 'http2';
  const at = async (name: string, of: string) =>
    instance(name, of, await instanceOf(t, protocol, play), kind === 'grpc' ? {} : { protocol });
  const [named, ...others] = ['app', 'copy', 'spare'].map((name) =>
    kind === 'grpc' ? grpcService(name) : service(name),
  );
  return [
    ...[named!, ...others],
    ...(await Promise.all(['app-0', 'app-1', 'app-2'].map((name) => at(name, 'app')))),
    ...(await Promise.all(['copy-0', 'copy-1'].map((name) => at(name, 'copy')))),
    await at('spare-0', 'spare'),
    policy('app', sections),
    policy('copy', { timeouts: { request: '300ms' }, connections: { max: 4 } }),
    policy('spare', { timeouts: { request: '300ms' } }),
    route('all', [chaos, steady]),
  ];
}

/** What the proxy's one worker thinks of the instances of `app`. */
async function endpointsOf({ adminPort }: StaticProxy) {
  const url = `http://127.0.0.1:${adminPort}/explain?method=GET&url=${encodeURIComponent('http://app/')}`;
  const { backends } = (await (await fetch(url)).json()) as Explanation;
  return backends[0]!.endpoints.map(({ live }) => live!);
}

for (const kind of ['http1', 'http2', 'grpc'] as const)
  t.test(`every policy at once, before instances of ${kind} that do anything`, async (t) => {
    let drawn = 0;
    const next = () => Random.ofCase(seed, drawn++);
    const wrong: string[] = [];
    const meeting = new Meeting();
    const resources = await resourcesFor(t, kind, { random: next, meeting, wrong });
    const proxy = await staticProxy(t, { resources, spec: { limits: { replayBytes: 20_000 } } });
    const ask = callerOf(t, 'http2', proxy.port);
    let asked = 0;
    const askFor = (act: string, path: string, method = 'GET') =>
      ask({ method, path, fields: { 'x-act': act, 'x-id': `${act} ${asked++}` } });

    /** All under way is over, and what was cut off is back. */
    const calmDown = async () => {
      await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0, { what: 'quiet' });
      const isBack = async () => {
        await Promise.all([askFor('fine', '/chaos'), ...[1, 2, 3].map(() => askFor('fine', '/'))]);
        const endpoints = await endpointsOf(proxy);
        const areFree = endpoints.every(({ isCandidate, inFlight }) => isCandidate && inFlight === 0);
        return areFree && (await proxy.metric('meshlane_breaker_state')) === 0;
      };
      await until(isBack, { what: 'three free instances and closed breakers' });
    };

    /** As many at once as there may be; each waits for the others. */
    const meet = async (act: string, size: number, method: string) => {
      meeting.size = size;
      const statuses = await Promise.all(Array.from({ length: size }, () => askFor(act, '/', method)));
      return statuses.filter(({ status }) => status === 200).length;
    };

    // How long replies take is known, so that slow requests go out twice. The rule's times are short: on a busy machine one
    // may be cut off.
    for (let i = 0; i < 120; i++) await askFor('fine', '/chaos').catch(() => undefined);
    const before = process.memoryUsage().rss;
    for (let run = 0; run < runs; run++) {
      const callers = [
        ...Array.from({ length: 12 }, () => callHttp1(t, proxy.port, next(), wrong)),
        ...Array.from({ length: 3 }, () => callHttp2(t, proxy.port, next(), wrong)),
      ];
      await Promise.all(callers);
      await calmDown();
      t.equal(await meet('meet', mostAtOnce, 'POST'), mostAtOnce, `all requests at once after run ${run}`);
      await calmDown();
      t.equal(
        await meet('fail once and meet', mostRetries, 'GET'),
        mostRetries,
        `all retries at once after run ${run}`,
      );
      t.strictSame(wrong, []);
    }
    const grown = process.memoryUsage().rss - before;
    t.ok(grown < mostGrownBytes, `${Math.round(grown / 1e6)} MB more`);
  });

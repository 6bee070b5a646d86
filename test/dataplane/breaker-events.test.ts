import t from 'tap';
import { BreakerLog, type BreakerNotice } from '../../dataplane/worker/breaker-log.ts';
import { TimerWheel } from '../../shared/time/timer-wheel.ts';
import { until } from '../harness/until.ts';
import { ask, get } from './harness/raw-client.ts';
import { policy, route, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { attributeOf, spanSink } from './harness/span-sink.ts';
import { staticProxy } from './harness/static-proxy.ts';

const traced = (path = '/', host = 'app') =>
  get(path, host, 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n');

t.test('the span of a try says what it changed about a breaker, and the log says so, too', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  let isFine = false;
  const origin = await scriptedOrigin(t, () => reply('', '', isFine ? 200 : 500));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { breaker: { consecutiveFailures: 2, openFor: '50ms', maxOpenFor: '50ms' } }),
    ],
    spec: { tracing: { endpoint, sampleRatio: 0 } },
  });
  const said = () => spans.map((span) => attributeOf(span, 'meshlane.breaker')).filter((one) => one !== undefined);
  for (let i = 0; i < 2; i++) await ask(t, proxy.port, traced());
  await until(() => said().length === 1);
  t.same(said(), ['open: consecutive_failures']);
  await until(async () => (await ask(t, proxy.port, traced())).status === 500);
  isFine = true;
  await until(async () => (await ask(t, proxy.port, traced())).status === 200);
  await until(() => said().length === 3);
  t.same(said().slice(1), ['open: probe_failed', 'closed: probe_passed']);
  await ask(t, proxy.port, traced());
  await until(() => spans.length > 4);
  t.equal(said().length, 3, 'who changes nothing says nothing');
  const { leftOut, ...first } = proxy.warnings[0]!;
  t.same(first, {
    message: 'breaker',
    service: 'app',
    instance: 'app-0',
    to: 'open',
    cause: 'consecutive_failures',
  });
  t.equal(leftOut, 0);
});

t.test('the span says so of the breaker of a rule', async (t) => {
  const { spans, endpoint } = await spanSink(t);
  const origin = await scriptedOrigin(t, () => reply('', '', 500));
  const breaker = { consecutiveFailures: 1, openFor: '60s' };
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), route('shop', [{ backends: [{ service: 'app' }], breaker }])],
    spec: { tracing: { endpoint, sampleRatio: 0 } },
  });
  await ask(t, proxy.port, traced());
  await ask(t, proxy.port, traced());
  await until(() => spans.length === 2);
  t.same(
    spans.map((span) => attributeOf(span, 'meshlane.breaker')),
    ['open: consecutive_failures', undefined],
  );
  t.equal(proxy.warnings[0]!['rule'], 'shop/0');
});

t.test('one line a second, and none is lost without being counted', async (t) => {
  let nowMs = 5000;
  const wheel = new TimerWheel(() => nowMs);
  const lines: BreakerNotice[] = [];
  const log = new BreakerLog(
    wheel,
    () => nowMs,
    (line) => lines.push(line),
  );
  const owner = (instance: number) => ({ service: 'app', instance: `app-${instance}` });
  log.add(owner(0), 'success_rate');
  t.same(lines.splice(0), [{ ...owner(0), to: 'open', cause: 'success_rate', leftOut: 0 }]);
  for (let i = 1; i <= 100; i++) log.add(owner(i), 'timeout');
  nowMs = 5999;
  wheel.advance();
  t.same(lines, []);
  nowMs = 6020;
  wheel.advance();
  t.same(lines.splice(0), [{ ...owner(100), to: 'half-open', cause: 'timeout', leftOut: 99 }]);
  nowMs = 9000;
  wheel.advance();
  t.same(lines, []);
  log.add(owner(1), 'probe_passed');
  t.same(lines, [{ ...owner(1), to: 'closed', cause: 'probe_passed', leftOut: 0 }]);
});

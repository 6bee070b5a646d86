import t from 'tap';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { Reachability } from '../../../dataplane/upstream/reachability.ts';

const settings = { backoffMs: 100, maxBackoffMs: 1000 };

t.test('an endpoint is avoided for twice as long each time, until it is reached', async (t) => {
  let nowMs = 0;
  const endpoint = new Endpoint('a', '127.0.0.1', 1, {});
  const reachability = new Reachability(endpoint, () => nowMs);
  for (const untilMs of [100, 300, 700, 1500, 2500]) {
    reachability.onUnreachable(settings);
    t.equal(endpoint.backoffUntilMs, untilMs);
    nowMs = untilMs;
  }
  reachability.onReached();
  t.equal(endpoint.backoffUntilMs, 0);
  reachability.onUnreachable(settings);
  t.equal(endpoint.backoffUntilMs, nowMs + 100);
});

t.test('an endpoint that asked to be avoided is not asked sooner because it can be reached', async (t) => {
  const endpoint = new Endpoint('a', '127.0.0.1', 1, {});
  const reachability = new Reachability(endpoint, () => 0);
  endpoint.avoidUntil(30_000);
  reachability.onReached();
  t.equal(endpoint.backoffUntilMs, 30_000);
});

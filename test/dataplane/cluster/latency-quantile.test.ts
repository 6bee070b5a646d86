import t from 'tap';
import { LatencyQuantile } from '../../../dataplane/cluster/latency-quantile.ts';
import { seededRandom } from '../../harness/seeded-random.ts';

t.test('nothing is known before a hundred latencies', async (t) => {
  const latency = new LatencyQuantile(0.95);
  for (let i = 0; i < 99; i++) latency.observe(5, i);
  t.equal(latency.valueMs, Number.POSITIVE_INFINITY);
  latency.observe(5, 99);
  t.ok(latency.valueMs >= 5 && latency.valueMs < 5.4, `${latency.valueMs}`);
});

t.test('the quantile is that of sorted latencies, to 6 % above', async (t) => {
  const random = seededRandom(7);
  for (const quantile of [0.5, 0.9, 0.95, 0.99])
    for (const spread of [1, 4, 9]) {
      const latency = new LatencyQuantile(quantile);
      const all: number[] = [];
      for (let i = 0; i < 5000; i++) {
        const latencyMs = 0.2 * 2 ** ((random() / 2 ** 32) * spread);
        all.push(latencyMs);
        latency.observe(latencyMs, i);
      }
      const exact = all.sort((a, b) => a - b)[Math.ceil(all.length * quantile) - 1]!;
      t.ok(latency.valueMs >= exact && latency.valueMs <= exact * 1.06, `${quantile}: ${latency.valueMs} of ${exact}`);
    }
});

t.test('what is older than two windows is forgotten', async (t) => {
  const latency = new LatencyQuantile(0.95);
  for (let i = 0; i < 1000; i++) latency.observe(100, i);
  for (let i = 0; i < 1000; i++) latency.observe(1, 31_000 + i);
  t.ok(latency.valueMs > 90, 'half of it is known still');
  for (let i = 0; i < 1000; i++) latency.observe(1, 62_000 + i);
  t.ok(latency.valueMs < 1.1);
  latency.observe(1, 200_000);
  t.equal(latency.valueMs, Number.POSITIVE_INFINITY, 'after a long silence nothing is');
});

t.test('latencies out of bounds count as the bound', async (t) => {
  const latency = new LatencyQuantile(0.5);
  for (const latencyMs of [0, -1, 1e9]) for (let i = 0; i < 100; i++) latency.observe(latencyMs, i);
  t.ok(latency.valueMs > 0 && latency.valueMs < 0.1);
});

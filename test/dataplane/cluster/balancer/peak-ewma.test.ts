import t from 'tap';
import { PeakEwma } from '../../../../dataplane/cluster/balancer/peak-ewma.ts';
import { LatencyEstimate } from '../../../../dataplane/cluster/latency-estimate.ts';
import { countPicks, endpointsOf } from '../../../contracts/balancer.contract.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';

const settings = { decayMs: 10_000, defaultMs: 10, failurePenaltyMs: 5000 };

function measured(latencies: readonly number[]) {
  const endpoints = endpointsOf(latencies.length);
  endpoints.forEach((endpoint, i) => {
    endpoint.latency = new LatencyEstimate(settings, 0);
    endpoint.latency.onReply(latencies[i]!, 0);
  });
  return endpoints;
}

const even = (count: number) => new Float64Array(count).fill(1);

t.test('the slowest of all is taken by none of two choices', async (t) => {
  const endpoints = measured([10, 10, 100, 10]);
  const shares = countPicks(new PeakEwma(endpoints, even(4), seededRandom()), endpoints, 4000);
  t.equal(shares[2], 0);
});

t.test('where two choices are both bad, further ones are drawn', async (t) => {
  const endpoints = measured([10, 10, 10, 10, 10, 10, 10, 500, 2000, 5000]);
  const shares = countPicks(new PeakEwma(endpoints, even(10), seededRandom()), endpoints, 10_000);
  t.ok(shares[7]! < 100, `of two choices alone it would be 444; it is ${shares[7]}`);
  t.ok(shares[8]! + shares[9]! < 20);
});

t.test('requests under way make a quick endpoint as dear as a slow one', async (t) => {
  const endpoints = measured([10, 100]);
  const balancer = new PeakEwma(endpoints, even(2), seededRandom());
  endpoints[0]!.inFlight = 8;
  t.same(countPicks(balancer, endpoints, 100), [100, 0]);
  endpoints[0]!.inFlight = 10;
  t.same(countPicks(balancer, endpoints, 100), [0, 100]);
});

t.test('load counts in proportion to weight', async (t) => {
  const endpoints = measured([10, 10]);
  const balancer = new PeakEwma(endpoints, Float64Array.of(3, 1), seededRandom());
  endpoints[0]!.inFlight = 5;
  endpoints[1]!.inFlight = 2;
  t.same(countPicks(balancer, endpoints, 100), [100, 0], 'five are less for a weight of 3 than two for one of 1');
});

t.test('an endpoint that fails at once does not attract requests', async (t) => {
  const endpoints = measured([10, 10]);
  for (let nowMs = 100; nowMs <= 500; nowMs += 100) endpoints[0]!.latency!.onFailure(0.1, nowMs);
  const balancer = new PeakEwma(endpoints, even(2), seededRandom());
  t.same(countPicks(balancer, endpoints, 100), [0, 100]);
});

t.test('where nobody measures latency, the less loaded is taken', async (t) => {
  const endpoints = endpointsOf(2);
  endpoints[1]!.inFlight = 1;
  t.same(countPicks(new PeakEwma(endpoints, even(2), seededRandom()), endpoints, 50), [50, 0]);
});

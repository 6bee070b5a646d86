import t from 'tap';
import { AdaptiveChoice } from '../../../dataplane/cluster/adaptive-choice.ts';
import { LatencyEstimate } from '../../../dataplane/cluster/latency-estimate.ts';
import { endpointsOf } from '../../contracts/balancer.contract.ts';

const settings = { decayMs: 10_000, defaultMs: 10, failurePenaltyMs: 5000 };

function choose(count: number) {
  const endpoints = endpointsOf(count);
  for (const endpoint of endpoints) endpoint.latency = new LatencyEstimate(settings, 0);
  const changes: string[] = [];
  const choice = new AdaptiveChoice((strategy, cause) => changes.push(`${strategy} ${cause}`));
  choice.follow(endpoints);
  let nowMs = 0;
  const reviews = (times = 1) => {
    for (let i = 0; i < times; i++) {
      nowMs += 1000;
      choice.review(nowMs);
    }
    return choice.cause;
  };
  const load = (inFlight: number) => {
    for (const endpoint of endpoints) endpoint.inFlight = inFlight;
  };
  return { endpoints, choice, changes, reviews, load };
}

t.test('load decides until something is known, and turns are taken when there is none', async (t) => {
  const { choice, changes, reviews } = choose(4);
  t.equal(choice.cause, 'busy');
  t.equal(reviews(), 'calm');
  t.same(changes, ['round-robin calm']);
  t.match(choice.explain(), /^round-robin, calm: /);
});

t.test('busy endpoints that are alike are chosen by load, until they are clearly calm again', async (t) => {
  const { reviews, load } = choose(4);
  reviews();
  load(3);
  t.equal(reviews(8), 'busy');
  load(0);
  t.equal(reviews(), 'busy', 'one look is none');
  t.equal(reviews(8), 'calm');
});

t.test('one that is slow, or fails, has latency decide, for as long as it was last seen to', async (t) => {
  const { endpoints, choice, reviews } = choose(4);
  for (const endpoint of endpoints) endpoint.latency!.onReply(10, 0);
  t.equal(reviews(), 'calm');
  endpoints[2]!.latency!.onReply(25, 1000);
  t.equal(reviews(), 'unequal');
  t.match(choice.explain(), /^peak-ewma, unequal: the costliest 25\.0 ms, the median 10\.0 ms, /);
  t.equal(reviews(600), 'unequal', 'silence proves nothing');
  endpoints[2]!.latency!.onReply(14, 602_000);
  t.equal(reviews(), 'calm');
  for (let i = 0; i < 5; i++) endpoints[0]!.latency!.onFailure(0.1, 603_000 + i * 100);
  t.equal(reviews(), 'unequal');
});

t.test('it is reviewed once a second, however often it is asked', async (t) => {
  const { endpoints, choice, reviews } = choose(2);
  reviews();
  for (const [i, endpoint] of endpoints.entries()) endpoint.latency!.onReply(10 + 90 * i, 0);
  choice.review(1999);
  t.equal(choice.cause, 'calm');
  choice.review(2000);
  t.equal(choice.cause, 'unequal');
});

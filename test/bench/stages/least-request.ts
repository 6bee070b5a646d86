import { deepStrictEqual } from 'node:assert/strict';
import { LeastRequest } from '../../../dataplane/cluster/balancer/least-request.ts';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import type { Stage } from './stage.ts';

export const stage: Stage = {
  name: 'least-request',
  what: 'pick the less loaded of two random ones of 8 endpoints',
  plain: 'draw from a copy, sort the two',
  prepare() {
    const endpoints = Array.from({ length: 8 }, (_, i) => new Endpoint(`e${i}`, '127.0.0.1', 8000 + i, {}));
    endpoints.forEach((endpoint, i) => {
      endpoint.inFlight = (i * 5) % 7;
    });
    const randomOfFast = numbers();
    const randomOfPlain = numbers();
    const fast = new LeastRequest(endpoints, randomOfFast);
    return {
      check() {
        for (let i = 0; i < 1000; i++) deepStrictEqual(fast.pick()?.name, pickPlain(endpoints, randomOfPlain).name);
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += fast.pick()!.port;
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += pickPlain(endpoints, randomOfPlain).port;
        return sum;
      },
    };
  },
};

/** Unsigned 32-bit numbers, the same each time (a linear congruence is random enough to be measured). */
function numbers(): () => number {
  const state = Uint32Array.of(1); // a plain number of 32 bits would be allocated anew each time
  return () => {
    state[0] = Math.imul(state[0]!, 1_664_525) + 1_013_904_223;
    return state[0] >>> 8;
  };
}

function pickPlain(endpoints: readonly Endpoint[], random: () => number): Endpoint {
  const at = random() % endpoints.length;
  const others = [...endpoints.slice(at + 1), ...endpoints.slice(0, at)];
  const two = [endpoints[at]!, others[random() % others.length]!];
  return two.sort((a, b) => a.inFlight - b.inFlight)[0]!;
}

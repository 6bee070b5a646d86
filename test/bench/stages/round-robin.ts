import { deepStrictEqual } from 'node:assert/strict';
import { RoundRobin } from '../../../dataplane/cluster/balancer/round-robin.ts';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import type { Stage } from './stage.ts';

export const stage: Stage = {
  name: 'round-robin',
  what: 'pick one of 8 endpoints in turn',
  plain: 'array shift and push',
  prepare() {
    const endpoints = Array.from({ length: 8 }, (_, i) => new Endpoint(`e${i}`, '127.0.0.1', 8000 + i, {}));
    const fast = new RoundRobin(endpoints, 0);
    const turns = [...endpoints];
    const pickPlain = () => {
      const endpoint = turns.shift()!;
      turns.push(endpoint);
      return endpoint;
    };
    return {
      check() {
        for (let i = 0; i < 24; i++) deepStrictEqual(fast.pick()?.name, pickPlain().name);
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += fast.pick()!.port;
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += pickPlain().port;
        return sum;
      },
    };
  },
};

import type { AdaptiveChoice, Strategy } from './adaptive-choice.ts';
import { Adaptive } from './balancer/adaptive.ts';
import type { Balancer } from './balancer/balancer.ts';
import { ConsistentHash } from './balancer/consistent-hash.ts';
import { LeastRequest } from './balancer/least-request.ts';
import { PeakEwma } from './balancer/peak-ewma.ts';
import { Random } from './balancer/random.ts';
import { RoundRobin } from './balancer/round-robin.ts';
import { WeightedLeastRequest } from './balancer/weighted-least-request.ts';
import { WeightedRoundRobin } from './balancer/weighted-round-robin.ts';
import type { Endpoint } from './endpoint.ts';
import type { HashTable } from './hashing/hash-table.ts';
import type { HashTables } from './hashing/hash-tables.ts';

export type BalancerSettings =
  | { readonly policy: Strategy | 'random' | 'adaptive' }
  /** `size` as `HashTables` means it. */
  | { readonly policy: 'ring-hash' | 'maglev'; readonly size: number };

export type BalancerTools = {
  /** Gives unsigned 32-bit integers. */
  readonly random: () => number;
  /** Of the service, as is the choice. */
  readonly tables: HashTables;
  readonly choice: AdaptiveChoice;
};

/** Builds the balancers of one cluster; what has to outlive each of them is among the tools. */
export class BalancerMaker<E extends Endpoint> {
  readonly #settings: BalancerSettings;
  readonly #all: readonly E[];
  readonly #tools: BalancerTools;
  /** Made when the first request comes: most clusters of a mesh are none of this proxy's business. */
  #table: HashTable | null = null;

  constructor(settings: BalancerSettings, all: readonly E[], tools: BalancerTools) {
    this.#settings = settings;
    this.#all = all;
    this.#tools = tools;
  }

  /** The key of a request decides where it goes, so that zones and slow start must not. */
  get followsKeys(): boolean {
    return 'size' in this.#settings;
  }

  /** Which policy chooses now, and why where it was chosen itself. */
  explain(): string {
    return this.#settings.policy === 'adaptive' ? this.#tools.choice.explain() : this.#settings.policy;
  }

  make(endpoints: readonly E[], weights: Float64Array): Balancer<E> {
    const { random, tables, choice } = this.#tools;
    const settings = this.#settings;
    if ('size' in settings) {
      if (this.#all.length === 0) return new Random(endpoints, weights, random);
      this.#table ??= tables.tableOf(settings.policy, settings.size, this.#all);
      return new ConsistentHash(this.#table, this.#all, endpoints, random);
    }
    switch (settings.policy) {
      case 'adaptive':
        return new Adaptive(choice, {
          unequal: makePlain('peak-ewma', endpoints, weights, random),
          busy: makePlain('least-request', endpoints, weights, random),
          calm: makePlain('round-robin', endpoints, weights, random),
        });
      default:
        return makePlain(settings.policy, endpoints, weights, random);
    }
  }
}

function makePlain<E extends Endpoint>(
  policy: Strategy | 'random',
  endpoints: readonly E[],
  weights: Float64Array,
  random: () => number,
): Balancer<E> {
  const isEven = weights.every((weight) => weight === weights[0]);
  switch (policy) {
    case 'round-robin':
      return isEven ? new RoundRobin(endpoints, random()) : new WeightedRoundRobin(endpoints, weights, random);
    case 'least-request':
      return isEven ? new LeastRequest(endpoints, random) : new WeightedLeastRequest(endpoints, weights, random);
    case 'peak-ewma':
      return new PeakEwma(endpoints, weights, random);
    case 'random':
      return new Random(endpoints, weights, random);
  }
}

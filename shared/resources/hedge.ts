import Type, { type Static } from 'typebox';
import { Duration } from './field-schemas.ts';
import { Budget } from './retry.ts';

const hedgeFields = {
  quantile: Type.Number({
    default: 0.95,
    minimum: 0.5,
    maximum: 0.999,
    description:
      'A request that has no reply when this part of the others had theirs is sent to another instance, too.',
  }),
  minDelay: Duration({
    default: '10ms',
    description: 'No request is sent a second time before; timers have a precision of 10 ms.',
  }),
};

/** Hedging of one route rule, within the budget of the service. */
export const RuleHedge = Type.Object(hedgeFields, { additionalProperties: false });
export type RuleHedge = Static<typeof RuleHedge>;

export const Hedge = Type.Object(
  { ...hedgeFields, budget: Budget({ percent: 5, minPerSecond: 1, what: 'Second requests' }) },
  {
    additionalProperties: false,
    description:
      'A second request where the first one is slow, for methods in retry.methods and requests with an Idempotency-Key (Dean and Barroso 2013, "The Tail at Scale").',
  },
);
export type Hedge = Static<typeof Hedge>;

import Type, { type Static } from 'typebox';
import { Duration } from './field-schemas.ts';

/** How a change of a resource reaches the sidecars: in steps instead of all at once. */
export const RolloutSettings = Type.Object(
  {
    steps: Type.Array(
      Type.String({
        pattern: '^(100|[1-9]?[0-9])(\\.[0-9]{1,2})?%$',
        description: 'A share of the sidecars, such as 5%.',
      }),
      {
        default: ['5%', '25%', '100%'],
        minItems: 1,
        maxItems: 20,
        description:
          'Shares of the sidecars that have a change, one after the other; each is larger than the one before, and the last is 100%. A step has at least one sidecar.',
      },
    ),
    interval: Duration({
      default: '60s',
      description:
        'Least time of a step, 1s or more; every sidecar of the step has to have applied the change as well.',
    }),
    abortOn: Type.Object(
      {
        nack: Type.Boolean({ default: true, description: 'A sidecar that refuses the change ends the rollout.' }),
        errorRate: Type.Number({
          default: 0.05,
          minimum: 0,
          maximum: 1,
          description: 'Share of failed requests (5xx, or no reply) above which the rollout ends; 1 is no bound.',
        }),
        p99: Type.Optional(
          Duration({
            description:
              'The rollout ends when more than one request of a hundred takes longer; up to 10s, and counted by the buckets of the duration histogram.',
          }),
        ),
      },
      {
        default: {},
        additionalProperties: false,
        description: 'What takes a change back; the figures are those of the sidecars that have it.',
      },
    ),
    minRequests: Type.Integer({
      default: 20,
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'Requests of a step before errorRate and p99 are looked at.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Changes of labels and spec go to a few sidecars first; without it, to all at once.',
  },
);
export type RolloutSettings = Static<typeof RolloutSettings>;

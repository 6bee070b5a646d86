import Type, { type Static } from 'typebox';
import { Duration, Name } from './field-schemas.ts';

const LimitKey = Type.Object(
  {
    route: Type.Optional(
      Type.Literal(true, {
        description: 'All requests of the rule or service share one bucket; so it is without a key.',
      }),
    ),
    caller: Type.Optional(
      Type.Literal(true, {
        description:
          'Who calls. Until callers can prove an identity, their address, or the one that a trusted proxy says they had (X-Forwarded-For, the last).',
      }),
    ),
    header: Type.Optional(
      Type.String({
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$",
        description:
          'Name of a request field, any case; of several lines the first counts. Requests without it share one bucket.',
      }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    description: 'What requests are told apart by, one of these; each value has a bucket of its own.',
  },
);
export type LimitKey = Static<typeof LimitKey>;

const most = 1_000_000;

/** How many requests may pass in a time. Read together with `rateLimitFaults`. */
export const RateLimit = Type.Object(
  {
    name: Name,
    requests: Type.Integer({ minimum: 1, maximum: most, description: 'Requests that pass in the time `per`.' }),
    per: Duration({ default: '1s', description: 'Whole seconds, 1s to 24h.' }),
    burst: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: most,
        description:
          'Requests that pass at once after a pause; without it as many as `requests`. The rate must bring them back within 24h.',
      }),
    ),
    key: Type.Optional(LimitKey),
    shadow: Type.Boolean({
      default: false,
      description: 'Requests that it would refuse are counted and pass.',
    }),
  },
  { additionalProperties: false },
);
export type RateLimit = Static<typeof RateLimit>;

export const RateLimits = Type.Array(RateLimit, {
  maxItems: 8,
  description: 'Asked in this order. A request that exceeds one is answered 429 (`rate_limited`).',
});

import Type, { type Static } from 'typebox';
import { Duration, namePattern } from './field-schemas.ts';

export const Fallback = Type.Object(
  {
    status: Type.Integer({ default: 503, minimum: 200, maximum: 599 }),
    contentType: Type.String({ default: 'text/plain; charset=utf-8', pattern: '^[\\x20-\\x7e]{1,256}$' }),
    body: Type.String({ default: '', maxLength: 65_536 }),
    service: Type.Optional(
      Type.String({
        pattern: namePattern,
        description:
          'Another service that takes the requests, under its own policy, in place of this reply. Its own fallback service is not asked.',
      }),
    ),
  },
  { additionalProperties: false, description: 'What is answered while the breaker is open.' },
);
export type Fallback = Static<typeof Fallback>;

const SuccessRate = Type.Object(
  {
    threshold: Type.Number({
      default: 0.8,
      minimum: 0,
      maximum: 1,
      description: 'Share of requests that must succeed.',
    }),
    window: Duration({ default: '10s', description: 'Time that is looked back on; at least 100 ms.' }),
    minRequests: Type.Integer({
      default: 5,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Requests in that time without which there is no rate.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Off unless it is given, {} is enough. Opens the breaker when too few requests succeed; a 429 counts as a failure here, though not as one in a row.',
  },
);

const breakerFields = {
  consecutiveFailures: Type.Integer({
    default: 5,
    minimum: 0,
    maximum: 10_000,
    description: 'Failures in a row (5xx, reset, timeout, no connection) that open it; 0 turns this off.',
  }),
  successRate: Type.Optional(SuccessRate),
  openFor: Duration({
    default: '5s',
    description: 'Time until probes are let through; doubled each time that one fails.',
  }),
  maxOpenFor: Duration({ default: '60s', description: 'Upper bound of that time, before jitter.' }),
  jitter: Type.Number({
    default: 0.5,
    minimum: 0,
    maximum: 1,
    description: 'Part of that time by which chance makes it longer, so that proxies do not probe in step.',
  }),
  probes: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 1000,
    description:
      'Requests let through while it is half-open; all of them have to succeed, and one that fails opens it.',
  }),
  fallback: Type.Optional(Fallback),
};

export const Breaker = Type.Object(breakerFields, {
  additionalProperties: false,
  description:
    'Off unless it is given. One breaker per instance and worker; fallback is answered when every instance is cut off.',
});
export type Breaker = Static<typeof Breaker>;

export const RuleBreaker = Type.Object(breakerFields, {
  additionalProperties: false,
  description:
    'Off unless it is given. One breaker per worker for the whole rule, beside those of instances; it goes by what callers get, after retries.',
});
export type RuleBreaker = Static<typeof RuleBreaker>;

import Type, { type Static } from 'typebox';
import { RuleBreaker } from './breaker.ts';
import { Duration, Labels, Name } from './field-schemas.ts';
import { BackendFilter, RuleFilter } from './filters.ts';
import { RuleHedge } from './hedge.ts';
import { Mirror, mostMirrors } from './mirror.ts';
import { RateLimits } from './rate-limit.ts';
import { RuleRetry } from './retry.ts';
import { RouteMatch } from './route-match.ts';
import { SessionPersistence } from './session-persistence.ts';

/** Gateway API HTTPRoute vocabulary (gateway.networking.k8s.io/v1), with `hostnames` instead of parentRefs. */

export const Backend = Type.Object(
  {
    service: Name,
    weight: Type.Integer({
      default: 1,
      minimum: 0,
      maximum: 1_000_000,
      description: 'Share of the rule’s requests, in proportion to the sum.',
    }),
    labels: Type.Optional(Labels),
    filters: Type.Optional(
      Type.Array(BackendFilter, {
        maxItems: 16,
        description: 'For requests to this backend, after those of the rule.',
      }),
    ),
  },
  { additionalProperties: false, description: 'labels narrow it to the instances that carry all of them.' },
);
export type Backend = Static<typeof Backend>;

export const Timeouts = Type.Object(
  {
    request: Type.Optional(
      Duration({ description: 'From the request’s head to the reply’s end, retries included; 0s is none.' }),
    ),
    backendRequest: Type.Optional(Duration({ description: 'From one try’s start to its reply’s head; 0s is none.' })),
    idle: Type.Optional(
      Duration({ description: 'Longest silence on an exchange or upgraded connection; 0s is none.' }),
    ),
    maxStream: Type.Optional(
      Duration({ description: 'Longest life of an exchange, a tunnel or an upgraded connection; 0s is none.' }),
    ),
  },
  { additionalProperties: false },
);
export type Timeouts = Static<typeof Timeouts>;

export const RouteRule = Type.Object(
  {
    name: Type.Optional(Name),
    matches: Type.Array(RouteMatch, {
      default: [],
      maxItems: 64,
      description: 'The rule applies when any of them matches; none matches everything.',
    }),
    filters: Type.Optional(
      Type.Array(RuleFilter, { maxItems: 16, description: 'What is done to its requests and their replies.' }),
    ),
    backends: Type.Array(Backend, { default: [], maxItems: 64 }),
    mirrors: Type.Optional(Type.Array(Mirror, { maxItems: mostMirrors })),
    timeouts: Type.Optional(Timeouts),
    retry: Type.Optional(RuleRetry),
    breaker: Type.Optional(RuleBreaker),
    hedge: Type.Optional(RuleHedge),
    sessionPersistence: Type.Optional(SessionPersistence),
    rateLimits: Type.Optional(RateLimits),
  },
  { additionalProperties: false },
);
export type RouteRule = Static<typeof RouteRule>;

export const RouteSpec = Type.Object(
  {
    hostnames: Type.Array(
      Type.String({
        pattern: '^(\\*|(\\*\\.)?[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)$',
        description: 'A name, *.suffix or *; without a port.',
      }),
      { default: ['*'], minItems: 1, maxItems: 64, uniqueItems: true },
    ),
    rules: Type.Array(RouteRule, { minItems: 1, maxItems: 256 }),
  },
  { additionalProperties: false },
);
export type RouteSpec = Static<typeof RouteSpec>;

import Type, { type Static } from 'typebox';
import { Breaker } from './breaker.ts';
import { Concurrency } from './concurrency.ts';
import { Duration, Name } from './field-schemas.ts';
import { LoadBalancer } from './load-balancer.ts';
import { OutlierDetection } from './outlier-detection.ts';
import { ServiceLimits } from './service-limits.ts';

const defaultConditions = ['connect-failure', 'reset', 'gateway-error'] as const;
export const retryConditions = [
  ...defaultConditions,
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;

const retryFields = {
  attempts: Type.Integer({
    default: 2,
    minimum: 0,
    maximum: 10,
    description: 'Tries after the first one; 0 turns retries off.',
  }),
  on: Type.Array(Type.Enum([...retryConditions]), {
    default: [...defaultConditions],
    uniqueItems: true,
    maxItems: retryConditions.length,
    description:
      'connect-failure: nothing was sent; reset: the connection broke before the reply, or was being closed as the request was sent on it; gateway-error: 502, 503 or 504; the others are gRPC statuses, tried again whatever the method, before anything of the reply was passed on.',
  }),
  methods: Type.Array(Type.String({ pattern: '^[A-Z][A-Z0-9-]{0,31}$' }), {
    default: ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'],
    maxItems: 32,
    description: 'Methods that may be tried again when the first try may have been executed (RFC 9110 §9.2.2).',
  }),
  backoff: Duration({ default: '25ms', description: 'Base of the exponential backoff with full jitter.' }),
  maxBackoff: Duration({ default: '250ms', description: 'Upper bound of one backoff.' }),
};

/** Retries of one route rule. Their budget is that of the service: it protects the service, whoever asks. */
export const RuleRetry = Type.Object(retryFields, { additionalProperties: false });
export type RuleRetry = Static<typeof RuleRetry>;

export const RetryPolicy = Type.Object(
  {
    ...retryFields,
    budget: Type.Object(
      {
        percent: Type.Number({
          default: 20,
          minimum: 0,
          maximum: 1000,
          description: 'Retries allowed in percent of the requests of the last 10 s.',
        }),
        minPerSecond: Type.Integer({
          default: 10,
          minimum: 0,
          maximum: 100_000,
          description: 'Retries a second that are always allowed.',
        }),
      },
      { additionalProperties: false, default: {} },
    ),
  },
  { additionalProperties: false },
);
export type RetryPolicy = Static<typeof RetryPolicy>;

export const Connections = Type.Object(
  {
    max: Type.Integer({
      default: 1024,
      minimum: 1,
      maximum: 65_535,
      description: 'Connections to one instance, per worker.',
    }),
    maxIdle: Type.Integer({
      default: 256,
      minimum: 0,
      maximum: 65_535,
      description: 'Idle connections kept to one instance, per worker.',
    }),
    maxPending: Type.Integer({
      default: 1024,
      minimum: 0,
      maximum: 65_535,
      description: 'Requests that may wait for a connection to one instance, per worker.',
    }),
    connectTimeout: Duration({ default: '1s', description: 'Time for a connection to be made; 0s is no bound.' }),
    idleTimeout: Duration({
      default: '4s',
      description:
        'An idle connection is closed after it; below the 5 s after which Node.js servers close theirs. 0s is no bound.',
    }),
    maxLifetime: Duration({
      default: '10m',
      description: 'A connection older than this takes no further request; 0s is no bound.',
    }),
    maxRequests: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_000_000_000,
      description: 'Requests that one connection carries; 0 is no bound.',
    }),
    streams: Type.Integer({
      default: 100,
      minimum: 1,
      maximum: 10_000,
      description: 'Requests at once on one connection of HTTP/2, before another one is opened.',
    }),
    backoff: Duration({
      default: '100ms',
      description: 'Pause after a failed connect, doubled for each further one; meanwhile the instance is avoided.',
    }),
    maxBackoff: Duration({ default: '10s', description: 'Upper bound of the pause.' }),
  },
  { additionalProperties: false },
);
export type Connections = Static<typeof Connections>;

export const PolicyTimeouts = Type.Object(
  {
    request: Duration({
      default: '0s',
      description: 'From the request’s head to the reply’s end, retries included; 0s is none.',
    }),
    perTry: Duration({ default: '0s', description: 'From one try’s start to its reply’s head; 0s is none.' }),
    idle: Duration({
      default: '5m',
      description: 'Longest silence on an exchange or upgraded connection; 0s is none.',
    }),
  },
  { additionalProperties: false },
);
export type PolicyTimeouts = Static<typeof PolicyTimeouts>;

export const PolicySpec = Type.Object(
  {
    targets: Type.Array(
      Type.Object(
        { kind: Type.Literal('Service', { default: 'Service' }), name: Name },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 256, description: 'The services it applies to.' },
    ),
    loadBalancer: Type.Optional(LoadBalancer),
    connections: Type.Optional(Connections),
    timeouts: Type.Optional(PolicyTimeouts),
    retry: Type.Optional(RetryPolicy),
    breaker: Type.Optional(Breaker),
    outlierDetection: Type.Optional(OutlierDetection),
    limits: Type.Optional(ServiceLimits),
    concurrency: Type.Optional(Concurrency),
  },
  { additionalProperties: false },
);
export type PolicySpec = Static<typeof PolicySpec>;

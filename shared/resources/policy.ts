import Type, { type Static } from 'typebox';
import { Breaker } from './breaker.ts';
import { Concurrency } from './concurrency.ts';
import { Duration, Name } from './field-schemas.ts';
import { Hedge } from './hedge.ts';
import { LoadBalancer } from './load-balancer.ts';
import { OutlierDetection } from './outlier-detection.ts';
import { RateLimits } from './rate-limit.ts';
import { RetryPolicy } from './retry.ts';
import { ServiceLimits } from './service-limits.ts';

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
    maxStream: Duration({
      default: '0s',
      description:
        'Longest life of an exchange; unlike request it ends tunnels and upgraded connections, too. 0s is none.',
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
    hedge: Type.Optional(Hedge),
    breaker: Type.Optional(Breaker),
    outlierDetection: Type.Optional(OutlierDetection),
    limits: Type.Optional(ServiceLimits),
    concurrency: Type.Optional(Concurrency),
    rateLimits: Type.Optional(RateLimits),
  },
  { additionalProperties: false },
);
export type PolicySpec = Static<typeof PolicySpec>;

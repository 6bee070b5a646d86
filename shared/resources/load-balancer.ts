import Type, { type Static } from 'typebox';
import { Duration } from './field-schemas.ts';

const HashOn = Type.Object(
  {
    header: Type.Optional(
      Type.String({
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$",
        description: 'Name of a request field, any case; of several lines the first counts.',
      }),
    ),
    cookie: Type.Optional(
      Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$", description: 'Name of a cookie.' }),
    ),
    source: Type.Optional(
      Type.Literal(true, {
        description: 'Address of the caller, or the one that a trusted proxy says it had (X-Forwarded-For, the last).',
      }),
    ),
    path: Type.Optional(Type.Literal(true, { description: 'Path without the query.' })),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    description:
      'What ring-hash and maglev follow, one of these; a request that does not have it goes to any instance.',
  },
);
export type HashOn = Static<typeof HashOn>;

const PeakEwma = Type.Object(
  {
    decay: Duration({
      default: '10s',
      description: 'Time after which a latency counts for 1/e of one that is seen now.',
    }),
    defaultLatency: Duration({
      default: '10ms',
      description: 'What a new instance is taken to need before its first reply.',
    }),
    failurePenalty: Duration({
      default: '5s',
      description:
        'What a failure (5xx, 429, reset, timeout) counts for, so that an instance that refuses at once does not attract requests; averaged in, so one failure in a hundred makes an instance slower by a hundredth of it.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'How peak-ewma and adaptive measure latency.' },
);

const SlowStart = Type.Object(
  {
    window: Duration({
      default: '60s',
      description: 'Time in which the weight of an instance rises that has just come, become healthy, or come back.',
    }),
    minWeightPercent: Type.Number({
      default: 10,
      minimum: 1,
      maximum: 100,
      description: 'Part of its weight that it begins with.',
    }),
    aggression: Type.Number({
      default: 1,
      minimum: 0.1,
      maximum: 100,
      description: 'weight x max(minWeightPercent, (time / window) ^ (1 / aggression)): above 1 it rises sooner.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Off unless it is given. Not for ring-hash and maglev, which would move keys with each step.',
  },
);

const ZoneAware = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      description: 'Prefers instances in the zone of the proxy, as far as they can carry the zone’s part of the load.',
    }),
    minInstances: Type.Integer({
      default: 6,
      minimum: 1,
      maximum: 100_000,
      description: 'With fewer instances zones count for nothing.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'For proxies that know their zone (Proxy spec.zone, --zone) and instances with the label topology.kubernetes.io/zone; not for ring-hash and maglev.',
  },
);

export const LoadBalancer = Type.Object(
  {
    policy: Type.Enum(['round-robin', 'least-request', 'random', 'peak-ewma', 'adaptive', 'ring-hash', 'maglev'], {
      default: 'least-request',
      description:
        'least-request takes the less loaded of two random instances, peak-ewma the one with less latency times load; adaptive picks among these and round-robin by what it sees; ring-hash and maglev send the same key to the same instance.',
    }),
    hashOn: Type.Optional(HashOn),
    minimumRingSize: Type.Integer({
      default: 256,
      minimum: 1,
      maximum: 65_536,
      description:
        'Points on the ring of ring-hash for an instance of the least weight; more of them make shares more even.',
    }),
    tableSize: Type.Integer({
      default: 65_537,
      minimum: 101,
      maximum: 1_000_003,
      description: 'Slots in the table of maglev; a prime, and a hundred times the number of instances or more.',
    }),
    peakEwma: PeakEwma,
    slowStart: Type.Optional(SlowStart),
    zoneAware: ZoneAware,
    panicThresholdPercent: Type.Number({
      default: 50,
      minimum: 0,
      maximum: 100,
      description:
        'When fewer of the instances are well, health checks and ejections count for nothing, since the rest would only break down under everybody’s load; 0 never ignores them.',
    }),
  },
  { additionalProperties: false },
);
export type LoadBalancer = Static<typeof LoadBalancer>;

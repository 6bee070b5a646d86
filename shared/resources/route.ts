import Type, { type Static } from 'typebox';
import { RuleBreaker } from './breaker.ts';
import { Duration, Labels, Name } from './field-schemas.ts';
import { RuleHedge } from './hedge.ts';
import { RuleRetry } from './retry.ts';

/** Gateway API HTTPRoute vocabulary (gateway.networking.k8s.io/v1), with `hostnames` instead of parentRefs. */
export const PathMatch = Type.Object(
  {
    type: Type.Enum(['Exact', 'PathPrefix', 'RegularExpression'], {
      default: 'PathPrefix',
      description: 'PathPrefix matches whole segments; RegularExpression must match the whole path.',
    }),
    value: Type.String({ minLength: 1, maxLength: 1024, pattern: '^[\\x21-\\x7e]+$' }),
  },
  { additionalProperties: false },
);
export type PathMatch = Static<typeof PathMatch>;

export const HeaderMatch = Type.Object(
  {
    type: Type.Enum(['Exact', 'RegularExpression'], { default: 'Exact' }),
    name: Type.String({
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$",
      description: 'Field name, any case (RFC 9110 §5.1).',
    }),
    value: Type.String({ maxLength: 4096 }),
  },
  { additionalProperties: false },
);
export type HeaderMatch = Static<typeof HeaderMatch>;

/** Gateway API GRPCMethodMatch. */
export const GrpcMatch = Type.Object(
  {
    type: Type.Enum(['Exact', 'RegularExpression'], {
      default: 'Exact',
      description: 'For both names; RegularExpression must match the whole of each.',
    }),
    service: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'Name of the service with its package: shop.v1.Cart. Without it, any service.',
      }),
    ),
    method: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'Name of the method: AddItem. Without it, any method.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Calls of gRPC by service, by method or by both; stands in place of path and method.',
  },
);
export type GrpcMatch = Static<typeof GrpcMatch>;

export const RouteMatch = Type.Object(
  {
    path: Type.Optional(PathMatch),
    method: Type.Optional(
      Type.String({ pattern: '^[A-Z][A-Z0-9-]{0,31}$', description: 'Request method, in capitals.' }),
    ),
    grpc: Type.Optional(GrpcMatch),
    headers: Type.Optional(Type.Array(HeaderMatch, { maxItems: 16, description: 'All of them must match.' })),
  },
  { additionalProperties: false, description: 'All conditions of one match must hold.' },
);
export type RouteMatch = Static<typeof RouteMatch>;

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
    backends: Type.Array(Backend, { default: [], maxItems: 64 }),
    timeouts: Type.Optional(Timeouts),
    retry: Type.Optional(RuleRetry),
    breaker: Type.Optional(RuleBreaker),
    hedge: Type.Optional(RuleHedge),
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

import Type, { type Static } from 'typebox';
import { Duration } from './field-schemas.ts';

const defaultConditions = ['connect-failure', 'refused-stream', 'reset', 'gateway-error'] as const;
export const retryConditions = [
  ...defaultConditions,
  '5xx',
  'retriable-4xx',
  'retriable-status-codes',
  'retriable-headers',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;

const token = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$";

const ReplyField = Type.Object(
  {
    name: Type.String({ pattern: token, description: 'Field name, any case (RFC 9110 §5.1).' }),
    value: Type.Optional(Type.String({ maxLength: 4096, description: 'Without it, any value will do.' })),
  },
  { additionalProperties: false },
);

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
      'connect-failure: nothing was sent; refused-stream: the instance refused the request before it handled it; reset: the connection broke or a try’s time ran out before the reply, or the connection was being closed as the request was sent on it; gateway-error: 502, 503 or 504; 5xx: any of these and every other 5xx; retriable-4xx: 409; retriable-status-codes: those in statusCodes; retriable-headers: replies that have one of the fields in headers; the others are gRPC statuses, tried again whatever the method, before anything of the reply was passed on.',
  }),
  statusCodes: Type.Array(Type.Integer({ minimum: 400, maximum: 599 }), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'Statuses for retriable-status-codes, such as 429.',
  }),
  headers: Type.Array(ReplyField, {
    default: [],
    maxItems: 16,
    description: 'Fields of a reply for retriable-headers.',
  }),
  methods: Type.Array(Type.String({ pattern: '^[A-Z][A-Z0-9-]{0,31}$' }), {
    default: ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'],
    maxItems: 32,
    description:
      'Methods that may be tried again when the first try may have been executed (RFC 9110 §9.2.2). A request with an Idempotency-Key may be, whatever its method.',
  }),
  backoff: Duration({ default: '25ms', description: 'Base of the exponential backoff with full jitter.' }),
  maxBackoff: Duration({ default: '250ms', description: 'Upper bound of one backoff.' }),
  maxRetryAfter: Duration({
    default: '1s',
    description:
      'Longest pause that a reply may ask for (Retry-After, X-RateLimit-Reset, grpc-retry-pushback-ms); a reply that asks for more is passed on.',
  }),
};

/** Retries of one route rule. Their budget is that of the service: it protects the service, whoever asks. */
export const RuleRetry = Type.Object(retryFields, { additionalProperties: false });
export type RuleRetry = Static<typeof RuleRetry>;

/** How many tries on top there may be, as a part of the requests of the last 10 s. */
export const Budget = ({ percent, minPerSecond, what }: { percent: number; minPerSecond: number; what: string }) =>
  Type.Object(
    {
      percent: Type.Number({
        default: percent,
        minimum: 0,
        maximum: 1000,
        description: `${what} allowed in percent of the requests of the last 10 s.`,
      }),
      minPerSecond: Type.Integer({
        default: minPerSecond,
        minimum: 0,
        maximum: 100_000,
        description: `${what} a second that are always allowed.`,
      }),
    },
    { additionalProperties: false, default: {} },
  );

export const RetryPolicy = Type.Object(
  { ...retryFields, budget: Budget({ percent: 20, minPerSecond: 10, what: 'Retries' }) },
  { additionalProperties: false },
);
export type RetryPolicy = Static<typeof RetryPolicy>;

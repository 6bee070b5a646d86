import Type, { type Static } from 'typebox';
import { Duration, Host, Name } from './field-schemas.ts';

export const Port = Type.Integer({ minimum: 0, maximum: 65_535, description: '0 takes any free port.' });

export const ProxyListener = Type.Object(
  {
    name: Name,
    address: Host({ default: '127.0.0.1', description: 'IP address or host name to listen on.' }),
    port: Port,
    direction: Type.Enum(['outbound', 'inbound'], {
      default: 'outbound',
      description: 'inbound listeners send everything to appPort.',
    }),
    protocol: Type.Enum(['auto', 'http1', 'http2', 'tcp'], {
      default: 'auto',
      description: 'Only HTTP/1.1 is carried so far: auto and http1.',
    }),
  },
  { additionalProperties: false },
);
export type ProxyListener = Static<typeof ProxyListener>;

export const ProxyLimits = Type.Object(
  {
    headBytes: Type.Integer({
      default: 65_536,
      minimum: 1024,
      maximum: 1_048_576,
      description: 'Size of a request or reply head; above it 431 or 502.',
    }),
    headerCount: Type.Integer({
      default: 100,
      minimum: 8,
      maximum: 1000,
      description: 'Fields in a head; above it 431 or 502.',
    }),
    targetBytes: Type.Integer({
      default: 16_384,
      minimum: 256,
      maximum: 1_048_576,
      description: 'Size of the request target; above it 414.',
    }),
    connections: Type.Integer({
      default: 10_000,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Downstream connections of each listener, over all workers; above it they are reset at once.',
    }),
    headTimeout: Duration({
      default: '10s',
      description:
        'Time for a request head, from its first byte on or from the connection being made; above it 408. 0s is none.',
    }),
    keepAliveTimeout: Duration({
      default: '75s',
      description:
        'Time an idle downstream connection is kept, longer than callers keep theirs (policies’ connections.idleTimeout); 0s is no bound.',
    }),
    requestsPerConnection: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_000_000_000,
      description:
        'Requests that a downstream connection may bring, the last of them answered with Connection: close; 0 is no bound.',
    }),
    bodyBytes: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_125_899_906_842_624,
      description: 'Size of a request body, without the framing of chunks; above it 413. 0 is no bound.',
    }),
    halfClose: Type.Enum(['answer', 'cancel'], {
      default: 'answer',
      description:
        'What becomes of a request whose caller closes its sending side: answered all the same, or cancelled (499) as by Envoy and nginx.',
    }),
    replayBytes: Type.Integer({
      default: 65_536,
      minimum: 0,
      maximum: 16_777_216,
      description: 'Request body kept for a retry; a longer one is not retried.',
    }),
  },
  { additionalProperties: false, default: {} },
);
export type ProxyLimits = Static<typeof ProxyLimits>;

export const Tracing = Type.Object(
  {
    endpoint: Type.Optional(
      Type.String({
        pattern: '^https?://[^ ]+$',
        description: 'OTLP/HTTP base URL, such as http://127.0.0.1:4318; without it no span is built.',
      }),
    ),
    sampleRatio: Type.Number({
      default: 0.01,
      minimum: 0,
      maximum: 1,
      description: 'Share of traces that begin here and are kept; a caller’s decision is followed.',
    }),
  },
  { additionalProperties: false, default: {} },
);
export type Tracing = Static<typeof Tracing>;

/** What one `meshlane proxy` process is: its listeners, its application, its limits. */
export const ProxySpec = Type.Object(
  {
    workers: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 256,
      description: 'Worker threads, each with its own listeners and pools.',
    }),
    service: Type.Optional(Name),
    appPort: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'Where the application of an inbound listener listens.',
      }),
    ),
    appAddress: Host({ default: '127.0.0.1', description: 'IP address or host name of the application.' }),
    admin: Type.Optional(
      Type.Object(
        { address: Host({ default: '127.0.0.1', description: 'IP address or host name to listen on.' }), port: Port },
        { additionalProperties: false },
      ),
    ),
    listeners: Type.Array(ProxyListener, { minItems: 1, maxItems: 64 }),
    limits: ProxyLimits,
    tracing: Tracing,
    drainTimeout: Duration({ default: '30s', description: 'Time open exchanges get after SIGTERM.' }),
  },
  { additionalProperties: false },
);
export type ProxySpec = Static<typeof ProxySpec>;

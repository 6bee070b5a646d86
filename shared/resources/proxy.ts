import Type, { type Static } from 'typebox';
import { Duration, Host, Labels, Name, namePattern } from './field-schemas.ts';

export const Port = Type.Integer({ minimum: 0, maximum: 65_535, description: '0 takes any free port.' });

const Cidr = Type.String({ pattern: '^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$' });

/** What the next hop is told about a request's caller. */
const Forwarding = Type.Object(
  {
    trusted: Type.Array(Cidr, {
      default: [],
      maxItems: 256,
      description:
        'Proxies in front of this listener, as addresses or ranges such as 10.0.0.0/8: what they say about their callers is kept, and their own address added.',
    }),
    application: Type.Optional(
      Type.Array(Cidr, {
        maxItems: 256,
        description:
          'Callers whose requests begin here: their fields travel on as they are and nothing is added. Outbound listeners take loopback (127.0.0.0/8, ::1) when this is left out, inbound ones nobody.',
      }),
    ),
    fields: Type.Enum(['x-forwarded', 'forwarded', 'both', 'none'], {
      default: 'x-forwarded',
      description:
        'What tells the next hop: X-Forwarded-For, -Proto and -Host, or the Forwarded of RFC 7239. A form that is not sent is not let through from trusted callers either.',
    }),
    via: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$',
        description:
          'Name of this listener in Via, unlike that of any other: requests get it, and one that has it already is answered 508.',
      }),
    ),
  },
  { additionalProperties: false, default: {} },
);
export const ListenerTls = Type.Object(
  {
    certificate: Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        'Path of a PEM file: the certificate, then those between it and its root. Read again when it changes.',
    }),
    privateKey: Type.String({ minLength: 1, maxLength: 4096, description: 'Path of a PEM file: the private key.' }),
    minVersion: Type.Enum(['TLSv1.2', 'TLSv1.3'], {
      default: 'TLSv1.2',
      description: 'Oldest version that is spoken.',
    }),
  },
  { additionalProperties: false },
);
export type ListenerTls = Static<typeof ListenerTls>;

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
      description:
        'What callers speak; auto finds out: by ALPN under TLS, else by the first bytes. Under TLS http2 offers h2 only. tcp carries all bytes as they are.',
    }),
    service: Type.Optional(
      Type.String({
        pattern: namePattern,
        description:
          'Service that bytes which are no HTTP go to, on an outbound listener of protocol auto (if the service’s own is tcp or auto) or tcp, which needs it.',
      }),
    ),
    connect: Type.Boolean({
      default: false,
      description:
        'Takes CONNECT (RFC 9110 §9.3.6) on an outbound listener: a tunnel to an instance of the service, by its own port. Without it CONNECT is answered 501.',
    }),
    forwarding: Forwarding,
    underscoreNames: Type.Enum(['drop', 'refuse', 'allow'], {
      default: 'drop',
      description:
        'What becomes of request fields with "_" in their name, which many servers take for the one with "-"; refused with 400. Never let through is what would be taken for a field of HTTP or of this mesh, such as Content_Length.',
    }),
    tls: Type.Optional(ListenerTls),
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
    handshakeTimeout: Duration({
      default: '10s',
      description: 'Time for a TLS handshake; above it the connection is closed. 0s is no bound.',
    }),
    headTimeout: Duration({
      default: '10s',
      description:
        'Time for a request head, from its first byte on or from the connection being made; above it 408. 0s is none.',
    }),
    detectTimeout: Duration({
      default: '100ms',
      description:
        'Silence of a new caller after which an instance is asked whether it speaks first, where the service may be spoken to in other bytes than HTTP. 0s waits for the caller.',
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
    bufferBytes: Type.Integer({
      default: 32_768,
      minimum: 1,
      maximum: 67_108_864,
      description:
        'Bytes that may wait for a slow reader on each connection, in each direction; from there on nothing more is read for it. One read (32768) may come on top.',
    }),
    http2: Type.Object(
      {
        streams: Type.Integer({
          default: 256,
          minimum: 1,
          maximum: 10_000,
          description: 'Requests at once on a downstream connection; one above is refused (REFUSED_STREAM).',
        }),
        streamWindowBytes: Type.Integer({
          default: 262_144,
          minimum: 65_535,
          maximum: 16_777_216,
          description: 'Bytes that a peer may send on one stream before they are taken.',
        }),
        connectionWindowBytes: Type.Integer({
          default: 1_048_576,
          minimum: 65_535,
          maximum: 67_108_864,
          description:
            'The same over all streams of one connection of a caller. Towards instances the windows of the streams are the bound, so that a slow caller takes nothing from the others.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'Bounds of each connection that speaks HTTP/2.' },
    ),
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
      description:
        'Worker threads, each with its own listeners and pools. Up to 16 share connections evenly; more keep what they accept.',
    }),
    service: Type.Optional(Name),
    namespace: Type.Optional(
      Type.String({ pattern: namePattern, description: 'Namespace of the workload, for routes with a source.' }),
    ),
    labels: Type.Optional(Labels),
    zone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        pattern: '^[\\x21-\\x7e]+$',
        description:
          'Zone it runs in, as instances have it in the label topology.kubernetes.io/zone; instances there are preferred.',
      }),
    ),
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

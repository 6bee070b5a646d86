import Type, { type Static } from 'typebox';

export const ServiceSpec = Type.Object(
  {
    protocol: Type.Enum(['http1', 'http2', 'grpc', 'tcp', 'auto'], {
      default: 'http1',
      description:
        'What the applications behind the instances speak: http2 and grpc without TLS (h2c). Bytes for a service of tcp are carried as they are, requests to it answered with 501; for auto, connections are looked at, and requests are sent as HTTP/1.1.',
    }),
  },
  { additionalProperties: false },
);
export type ServiceSpec = Static<typeof ServiceSpec>;
export type ServiceProtocol = ServiceSpec['protocol'];

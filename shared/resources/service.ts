import Type, { type Static } from 'typebox';

export const ServiceSpec = Type.Object(
  {
    protocol: Type.Enum(['http1', 'http2', 'grpc', 'tcp'], {
      default: 'http1',
      description:
        'What the applications behind the instances speak: http2 and grpc without TLS (h2c). Requests to a service of tcp are answered with 501.',
    }),
  },
  { additionalProperties: false },
);
export type ServiceSpec = Static<typeof ServiceSpec>;

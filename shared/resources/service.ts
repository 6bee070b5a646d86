import Type, { type Static } from 'typebox';

export const ServiceSpec = Type.Object(
  {
    protocol: Type.Enum(['http1', 'http2', 'grpc', 'tcp'], {
      default: 'http1',
      description:
        'What the instances speak. Only http1 is carried so far; requests to a service of another protocol are answered with 501.',
    }),
  },
  { additionalProperties: false },
);
export type ServiceSpec = Static<typeof ServiceSpec>;

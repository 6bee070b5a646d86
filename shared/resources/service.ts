import Type, { type Static } from 'typebox';

export const ServiceSpec = Type.Object(
  {
    protocol: Type.Enum(['http1', 'http2', 'grpc', 'tcp'], {
      default: 'http1',
      description: 'What the instances speak. Only HTTP/1.1 is carried so far, whatever stands here.',
    }),
  },
  { additionalProperties: false },
);
export type ServiceSpec = Static<typeof ServiceSpec>;

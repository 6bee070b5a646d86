import Type, { type Static } from 'typebox';
import { Duration, Host, Labels, Name } from './field-schemas.ts';

export const HealthCheck = Type.Object(
  {
    type: Type.Enum(['http', 'tcp', 'grpc'], {
      default: 'http',
      description:
        'http: a GET that answers 200-399, over HTTP/2 (h2c) where that is what the instance speaks; tcp: a connection; grpc: a call of grpc.health.v1.Health/Check, always over HTTP/2 (h2c), that answers SERVING.',
    }),
    path: Type.String({
      default: '/healthz',
      pattern: '^/[\\x21-\\x7e]*$',
      maxLength: 1024,
      description: 'Path of the http check.',
    }),
    grpcService: Type.String({
      default: '',
      maxLength: 256,
      description: 'Service that the grpc check asks for; the empty one is the server as a whole.',
    }),
    interval: Duration({ default: '5s', description: 'Time between two checks.' }),
    timeout: Duration({ default: '1s', description: 'Time after which a check has failed.' }),
    unhealthyThreshold: Type.Integer({
      default: 3,
      minimum: 1,
      maximum: 100,
      description: 'Failed checks in a row that take the instance out.',
    }),
    healthyThreshold: Type.Integer({
      default: 2,
      minimum: 1,
      maximum: 100,
      description: 'Passed checks in a row that bring it back.',
    }),
  },
  { additionalProperties: false, description: 'Active check by every proxy that may send to the instance.' },
);
export type HealthCheck = Static<typeof HealthCheck>;

export const InstanceSpec = Type.Object(
  {
    service: Name,
    address: Host({
      description: 'IP address or host name that other workloads reach it by.',
    }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    protocol: Type.Optional(
      Type.Enum(['http1', 'http2'], {
        description:
          'What is spoken at this address, where that is not what the service’s applications speak: http2 at a sidecar.',
      }),
    ),
    workers: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 256,
        description:
          'Worker threads of the proxy at this address: callers spread their requests over as many connections of HTTP/2, so that each has its share.',
      }),
    ),
    weight: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 1000,
      description: 'Its part of the service’s requests, in proportion to the weights of the others.',
    }),
    metadata: Type.Optional(Labels),
    healthCheck: Type.Optional(HealthCheck),
    status: Type.Enum(['up', 'draining', 'down'], {
      default: 'up',
      description: 'draining and down instances get no new requests.',
    }),
    leaseSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400,
        description:
          'The instance leaves the mesh when no heartbeat came for so long; without it, it stays until deleted.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type InstanceSpec = Static<typeof InstanceSpec>;

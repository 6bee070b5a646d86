import Type, { type Static } from 'typebox';

export const ServiceLimits = Type.Object(
  {
    requests: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_000_000,
      description: 'Requests to the service at once, those that wait for a connection included; 0 is no bound.',
    }),
    retries: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_000_000,
      description: 'Requests that are being tried again at once, the pause before included; 0 is no bound.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Bounds per worker, beside those of connections; above them 503 (overloaded), or no retry.',
  },
);
export type ServiceLimits = Static<typeof ServiceLimits>;

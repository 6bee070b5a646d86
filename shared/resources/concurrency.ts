import Type, { type Static } from 'typebox';
import { Duration } from './field-schemas.ts';

export const Concurrency = Type.Object(
  {
    minLimit: Type.Integer({
      default: 3,
      minimum: 1,
      maximum: 10_000,
      description: 'Lowest limit, what it begins with, and what is let through while latency at rest is measured.',
    }),
    maxLimit: Type.Integer({ default: 1000, minimum: 1, maximum: 1_000_000, description: 'Highest limit.' }),
    bufferPercent: Type.Number({
      default: 25,
      minimum: 0,
      maximum: 1000,
      description: 'How much slower than at rest an instance may be before it is taken for busy.',
    }),
    percentile: Type.Number({
      default: 50,
      minimum: 1,
      maximum: 100,
      description: 'The latency that is compared: of the median, or of slower requests.',
    }),
    updateInterval: Duration({
      default: '100ms',
      description: 'Time between two changes of the limit; or twice the latency at rest where that is longer.',
    }),
    measureInterval: Duration({
      default: '60s',
      description: 'Time between two measurements of latency at rest, more or less by a quarter.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Off unless it is given, {} is enough. Bounds the requests at once to each instance, per worker, by its latency: more than it works on would only wait there.',
  },
);
export type Concurrency = Static<typeof Concurrency>;

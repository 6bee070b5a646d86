import Type, { type Static, type TSchema } from 'typebox';
import { Duration } from './field-schemas.ts';

const count = (options: { default: number; minimum?: number; description: string }) =>
  Type.Integer({ minimum: 0, maximum: 1_000_000, ...options });

const percent = (options: { default: number; description?: string }) =>
  Type.Number({ minimum: 0, maximum: 100, ...options });

const section = <P extends Record<string, TSchema>>(fields: P, description: string) =>
  Type.Object(fields, { additionalProperties: false, default: {}, description });

export const OutlierDetection = Type.Object(
  {
    consecutive5xx: count({
      default: 5,
      description: 'Replies of 5xx in a row, or what counts as one, that eject an instance; 0 is off.',
    }),
    consecutiveGatewayErrors: count({
      default: 5,
      description: 'The same for 502, 503 and 504 only; not enforced unless asked for.',
    }),
    consecutiveLocalOriginFailures: count({
      default: 5,
      description: 'Connections in a row that cannot be made, break or time out; where they are split from replies.',
    }),
    splitLocalOriginErrors: Type.Boolean({
      default: false,
      description: 'Such failures are counted by themselves; otherwise each counts as a 503.',
    }),
    successRate: section(
      {
        stdevFactor: count({
          default: 1900,
          description: 'Thousandths of a standard deviation below the mean from where on a success rate is an outlier.',
        }),
        minimumHosts: count({ default: 5, description: 'Instances with enough requests that are needed to compare.' }),
        requestVolume: count({
          default: 100,
          description: 'Requests to an instance in an interval that are enough; each worker needs its part of them.',
        }),
      },
      'Compares the success rates of the last interval.',
    ),
    failurePercentage: section(
      {
        threshold: percent({
          default: 85,
          description: 'Failures in percent from where on an instance is an outlier.',
        }),
        minimumHosts: count({ default: 5, description: 'As for success rates.' }),
        requestVolume: count({ default: 50, description: 'As for success rates.' }),
      },
      'Holds the failures of the last interval against a fixed bound; not enforced unless asked for.',
    ),
    interval: Duration({
      default: '10s',
      description: 'Time between two looks at rates and ejections; at least 10 ms.',
    }),
    baseEjectionTime: Duration({
      default: '30s',
      description:
        'Length of an ejection, times the number of ejections so far; each interval in service takes one back.',
    }),
    maxEjectionTime: Duration({ default: '300s', description: 'Upper bound of that time.' }),
    maxEjectionPercent: percent({ default: 10, description: 'Instances that may be ejected at the same time.' }),
    alwaysEjectOne: Type.Boolean({
      default: true,
      description: 'One instance may be ejected whatever the percentage says; false is what Envoy does.',
    }),
    enforcing: section(
      {
        consecutive5xx: percent({ default: 100 }),
        consecutiveGatewayErrors: percent({ default: 0 }),
        consecutiveLocalOriginFailures: percent({ default: 100 }),
        successRate: percent({ default: 100 }),
        failurePercentage: percent({ default: 0 }),
        localOriginSuccessRate: percent({ default: 100 }),
        localOriginFailurePercentage: percent({ default: 0 }),
      },
      'Percent of what is found that leads to an ejection; at 0 it is only counted (meshlane_outlier_detections_total).',
    ),
  },
  {
    additionalProperties: false,
    description:
      'Off unless it is given, {} is enough. Takes instances out that fail in a row, or more often than the others, as each worker sees them; arithmetic and defaults are Envoy’s.',
  },
);
export type OutlierDetection = Static<typeof OutlierDetection>;

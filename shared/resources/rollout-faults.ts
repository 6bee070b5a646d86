import type { Issue } from '../errors/problem.ts';
import { durationMs, durationPattern } from '../time/duration.ts';
import { listOf } from './resource.ts';
import type { AnyResource } from './schema.ts';

const leastIntervalMs = 1_000;
/** What sidecars report has no finer bound above. */
const longestMeasuredMs = 10_000;
const percentPattern = /^[0-9.]+%$/;

/** What is said of the field where there is none. */
export const noRollout = 'is for services, routes and policies only: an instance is registered, and that holds at once';

/** What the schema cannot say of `rollout`. The resource may be one that its schema refused. */
export function rolloutFaults(resource: Partial<AnyResource>): Issue[] {
  const { rollout } = resource;
  if (typeof rollout !== 'object' || rollout === null || resource.kind === 'Instance') return [];
  const { steps, interval, abortOn } = rollout;
  return [
    ...stepFaults(listOf(steps)),
    ...durationFaults('/rollout/interval', interval, (ms) => (ms < leastIntervalMs ? 'must be 1s or more' : null)),
    ...durationFaults('/rollout/abortOn/p99', abortOn?.p99, (ms) =>
      ms < 1 || ms > longestMeasuredMs ? 'must be from 1ms to 10s' : null,
    ),
  ];
}

function stepFaults(steps: readonly unknown[]): Issue[] {
  const percents = steps.map((step) => (typeof step === 'string' && percentPattern.test(step) ? percentOf(step) : NaN));
  const issues = percents.flatMap((percent, i) =>
    percent <= (percents[i - 1] ?? 0)
      ? [
          {
            pointer: `/rollout/steps/${i}`,
            message: `must be more than ${String(steps[i - 1] ?? '0%')}; got ${String(steps[i])}`,
          },
        ]
      : [],
  );
  const last = percents.length - 1;
  if (percents[last]! < 100)
    issues.push({
      pointer: `/rollout/steps/${last}`,
      message: `the last step must be 100%; got ${String(steps[last])}`,
    });
  return issues;
}

function durationFaults(pointer: string, text: unknown, faultOf: (ms: number) => string | null): Issue[] {
  if (typeof text !== 'string' || !new RegExp(durationPattern).test(text)) return [];
  const fault = faultOf(durationMs(text));
  return fault === null ? [] : [{ pointer, message: `${fault}; got ${text}` }];
}

/** The number of a step, such as 2.5 for `2.5%`. */
export function percentOf(step: string): number {
  return Number(step.slice(0, -1));
}

import type { Issue } from '../errors/problem.ts';
import { durationMs, durationPattern } from '../time/duration.ts';
import { listOf } from './resource.ts';
import type { AnyResource } from './schema.ts';

const leastIntervalMs = 1_000;
const percentPattern = /^[0-9.]+%$/;

/** What is said of the field where there is none. */
export const noRollout = 'is for services, routes and policies only: an instance is registered, and that holds at once';

/** What the schema cannot say of `rollout`. The resource may be one that its schema refused. */
export function rolloutFaults(resource: Partial<AnyResource>): Issue[] {
  const { rollout } = resource;
  if (typeof rollout !== 'object' || rollout === null || resource.kind === 'Instance') return [];
  return [...stepFaults(listOf(rollout.steps)), ...intervalFaults(rollout.interval)];
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

function intervalFaults(interval: unknown): Issue[] {
  if (typeof interval !== 'string' || !new RegExp(durationPattern).test(interval)) return [];
  if (durationMs(interval) >= leastIntervalMs) return [];
  return [{ pointer: '/rollout/interval', message: `must be 1s or more; got ${interval}` }];
}

/** The number of a step, such as 2.5 for `2.5%`. */
export function percentOf(step: string): number {
  return Number(step.slice(0, -1));
}

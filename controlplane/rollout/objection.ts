import type { RolloutSettings } from '../../shared/resources/rollout.ts';
import type { Figures } from './figures.ts';

/** One-sided 99 % of the normal distribution. */
const clearly = 2.33;
const slowShare = 0.01;

/**
 * What the figures of the sidecars that have a new version say against it; null when nothing does. A share speaks against
 * it that is above its bound, and above that of the other sidecars by more than chance explains (a test of two shares), as
 * long as these have enough requests to compare with: what ails everybody is not the fault of the new version.
 */
export function objection(settings: RolloutSettings, own: Figures, others: Figures): string | null {
  const { abortOn, minRequests } = settings;
  if (own.requests < minRequests) return null;
  const isAbove = (field: 'errors' | 'slow', bound: number) =>
    own[field] / own.requests > bound &&
    (others.requests < minRequests || isClearlyMore(own[field], own.requests, others[field], others.requests));
  const tell = (field: 'errors' | 'slow', what: string, bound: number) =>
    `${shareOf(own[field], own.requests)} of the sidecars that have it ${what}, more than ${inPercent(bound)}; elsewhere ${shareOf(others[field], others.requests)}`;
  if (isAbove('errors', abortOn.errorRate)) return tell('errors', 'failed', abortOn.errorRate);
  if (abortOn.p99 !== undefined && isAbove('slow', slowShare))
    return tell('slow', `took longer than ${abortOn.p99}`, slowShare);
  return null;
}

function isClearlyMore(part: number, whole: number, otherPart: number, otherWhole: number): boolean {
  const pooled = (part + otherPart) / (whole + otherWhole);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / whole + 1 / otherWhole));
  return part / whole - otherPart / otherWhole > clearly * deviation;
}

function shareOf(part: number, whole: number): string {
  return whole === 0 ? 'there were none' : `${part} of ${whole} requests (${inPercent(part / whole)})`;
}

function inPercent(share: number): string {
  return `${Number((share * 100).toFixed(1))}%`;
}

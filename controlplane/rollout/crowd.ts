import { ranks } from './sidecar-rank.ts';

/** The sidecars that a rollout has to do with. */
export type Crowd = {
  readonly count: number;
  /** Of the sidecars with the lowest ones, at most a hundred, in order. */
  readonly lowestRanks: readonly number[];
};

const mostRanks = 100;

export function crowdOf(ranksOfAll: readonly number[]): Crowd {
  return { count: ranksOfAll.length, lowestRanks: ranksOfAll.toSorted((a, b) => a - b).slice(0, mostRanks) };
}

export function joinCrowds(crowds: readonly Crowd[]): Crowd {
  const { lowestRanks } = crowdOf(crowds.flatMap((crowd) => crowd.lowestRanks));
  return { count: crowds.reduce((sum, { count }) => sum + count, 0), lowestRanks };
}

/**
 * The rank below which a sidecar is in a step. Up to a hundred are counted off, and there is at least one: ranks are
 * spread by chance, which makes no share of a few. Of more, the ranks alone are near enough.
 */
export function thresholdOf(percent: number, { count, lowestRanks }: Crowd): number {
  if (percent === 100) return ranks;
  const wanted = Math.max(1, Math.floor((count * percent) / 100));
  const last = lowestRanks[wanted - 1];
  if (last !== undefined) return last + 1;
  return count === 0 ? 0 : Math.round((percent * ranks) / 100);
}

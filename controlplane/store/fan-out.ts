import type { FollowSink } from './follow.ts';

/** Tells several of what the store says; each knows it before the next one hears of it. */
export function fanOut(...sinks: readonly FollowSink[]): FollowSink {
  return {
    onListing: (...listing) => {
      for (const sink of sinks) sink.onListing(...listing);
    },
    onChange: (change) => {
      for (const sink of sinks) sink.onChange(change);
    },
  };
}

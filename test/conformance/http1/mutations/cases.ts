import type { CodecCase } from './codec-check.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { attackReplies, attackRequests, replySeeds, requestSeeds, rightReplies, rightRequests } from './seeds.ts';

/** The mutated message at a place in a run: the same for the same seed and place, alone or among others. */

export function mutatedRequest(seed: number, index: number): string {
  const random = Random.ofCase(seed, index);
  return mutate(random.pick(random.oneIn(4) ? attackRequests : rightRequests), random, requestSeeds);
}

export function mutatedReply(seed: number, index: number): string {
  const random = Random.ofCase(~seed, index);
  return mutate(random.pick(random.oneIn(4) ? attackReplies : rightReplies), random, replySeeds);
}

/** Requests and replies by turns. */
export function codecCase(seed: number, index: number): CodecCase {
  if (index % 2 === 0) return { kind: 'request', bytes: Buffer.from(mutatedRequest(seed, index), 'latin1') };
  const bytes = Buffer.from(mutatedReply(seed, index), 'latin1');
  return { kind: 'reply', bytes, methods: index % 16 === 1 ? ['HEAD', 'GET'] : ['GET', 'GET'] };
}

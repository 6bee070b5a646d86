import type { Case, ReplyCase, RequestCase } from './corpus.ts';
import { type DriveOptions, driveReply, driveRequest, type Lane } from './drive.ts';
import { type Judgement, judgeReply, judgeRequest } from './judge.ts';

export type Result = Judgement & { readonly case: Case; readonly kind: 'request' | 'reply' };

/** Runs all cases, each lane taking the next one when it is free; results in the order of the cases. */
export async function runCorpus(
  lanes: readonly Lane[],
  cases: { readonly requests: readonly RequestCase[]; readonly replies: readonly ReplyCase[] },
  options: DriveOptions,
): Promise<Result[]> {
  const errands = [
    ...cases.requests.map((one) => async (lane: Lane): Promise<Result> => {
      const outcome = await driveRequest(lane, one, options);
      return { ...judgeRequest(one, outcome), case: one, kind: 'request' };
    }),
    ...cases.replies.map((one) => async (lane: Lane): Promise<Result> => {
      const outcome = await driveReply(lane, one, options);
      return { ...judgeReply(one, outcome), case: one, kind: 'reply' };
    }),
  ];
  const results: Result[] = [];
  const queue = errands.entries();
  await Promise.all(
    lanes.map(async (lane) => {
      for (const [index, errand] of queue) results[index] = await errand(lane);
    }),
  );
  return results;
}

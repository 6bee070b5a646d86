import type { Case, ReplyCase, RequestCase } from './corpus.ts';
import { type DriveOptions, driveReply, driveRequest, type Lane, type Outcome } from './drive.ts';
import { type Judgement, judgeReply, judgeRequest } from './judge.ts';

export type Result = Judgement & { readonly case: Case; readonly kind: 'request' | 'reply' };

const patience = 4;

/**
 * Runs all cases, each lane taking the next one when it is free; results in the order of the cases. A case that did not
 * come out right and ran out of time is given more of it once, so that a busy machine is not held against a proxy.
 */
export async function runCorpus(
  lanes: readonly Lane[],
  cases: { readonly requests: readonly RequestCase[]; readonly replies: readonly ReplyCase[] },
  options: DriveOptions,
): Promise<Result[]> {
  const patient = { ...options, quietMs: options.quietMs * patience };
  async function run<T extends Case>(
    lane: Lane,
    one: T,
    kind: Result['kind'],
    drive: (lane: Lane, one: T, options: DriveOptions) => Promise<Outcome>,
    judge: (one: T, outcome: Outcome) => Judgement,
  ): Promise<Result> {
    const outcome = await drive(lane, one, options);
    let judgement = judge(one, outcome);
    if (judgement.verdict !== 'pass' && outcome.ranOutOfTime) judgement = judge(one, await drive(lane, one, patient));
    return { ...judgement, case: one, kind };
  }
  const errands = [
    ...cases.requests.map((one) => (lane: Lane) => run(lane, one, 'request', driveRequest, judgeRequest)),
    ...cases.replies.map((one) => (lane: Lane) => run(lane, one, 'reply', driveReply, judgeReply)),
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

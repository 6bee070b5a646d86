import type { DriveOptions, Lane } from '../http1/drive.ts';
import type { Judgement } from '../http1/judge.ts';
import type { RequestCase } from './corpus.ts';
import { drive } from './drive.ts';
import { judge } from './judge.ts';

export type Result = Judgement & { readonly case: RequestCase; readonly kind: 'request' };

const patience = 4;

/**
 * Runs all cases, each lane taking the next one when it is free; results in the order of the cases. A case that did not
 * come out right and got no answer is given more time once, so that a busy machine is not held against a proxy.
 */
export async function runCorpus(
  lanes: readonly Lane[],
  cases: readonly RequestCase[],
  options: DriveOptions,
): Promise<Result[]> {
  const patient = { ...options, quietMs: options.quietMs * patience };
  const results: Result[] = [];
  const queue = cases.entries();
  await Promise.all(
    lanes.map(async (lane) => {
      for (const [index, one] of queue) {
        const outcome = await drive(lane, one, options);
        let judgement = judge(one, outcome);
        if (judgement.verdict !== 'pass' && outcome.reply === null)
          judgement = judge(one, await drive(lane, one, patient));
        results[index] = { ...judgement, case: one, kind: 'request' };
      }
    }),
  );
  return results;
}

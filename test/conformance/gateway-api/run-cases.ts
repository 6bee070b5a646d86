import type { Owner } from '../../harness/owner.ts';
import type { Outcome } from './caller.ts';
import type { Case, Shares } from './corpus.ts';
import { differencesOf, shareDifferences } from './judge.ts';
import { type Lane, Mesh } from './mesh.ts';

/** `differences` says what is not as it should be, in words. */
export type Result = { readonly case: Case; readonly lane: Lane; readonly differences: readonly string[] };

const inFlight = 16;

/** Runs the cases that are about what is called in this lane, one after another in one mesh. */
export async function runCases(t: Owner, lane: Lane, cases: readonly Case[]): Promise<Result[]> {
  const mesh = await new Mesh(lane).start(t);
  const results: Result[] = [];
  for (const one of cases)
    if (one.isGrpc === (lane[0] === 'grpc'))
      results.push({ case: one, lane, differences: await differencesIn(mesh, one) });
  return results;
}

async function differencesIn(mesh: Mesh, { resources, asks, shares }: Case): Promise<string[]> {
  await mesh.apply(resources);
  const differences: string[] = [];
  for (const ask of asks) {
    const { caller, from, method, host, path } = ask.send;
    if (caller !== 'any' && caller !== mesh.lane[0]) continue;
    const before = mesh.echoes.count;
    const outcome = await mesh.callerFrom(from)(ask.send);
    const found = differencesOf(ask, outcome, mesh.echoes.count - before);
    differences.push(...found.map((difference) => `${method} ${host} ${path}: ${difference}`));
  }
  if (shares !== null) differences.push(...shareDifferences(shares, await sendMany(mesh, shares)));
  return differences;
}

/** Sends several at a time, each on a connection or stream of its own. */
async function sendMany(mesh: Mesh, { send, requests }: Shares): Promise<Outcome[]> {
  const call = mesh.callerFrom(send.from);
  const outcomes: Outcome[] = [];
  let left = requests;
  const sendNext = async () => {
    while (left-- > 0) outcomes.push(await call(send));
  };
  await Promise.all(Array.from({ length: inFlight }, sendNext));
  return outcomes;
}

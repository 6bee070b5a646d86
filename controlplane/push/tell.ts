/**
 * What a control plane tells of its sidecars. In a mesh that is well this is two numbers, one of which grows with each
 * change: a sidecar is named only when it has been waited for a while, is away or new, or refuses something. So a change is
 * one small write of each control plane, and nothing is written while nothing happens.
 */
import { laggardOf, laggardsAway, type Presence, refusalsOf } from './standing.ts';
import type { Laggard, Refusal, Telling } from './told.ts';

/** Time for which a sidecar may have an update before it is named; until then it holds back the revision for all. */
const onItsWayMs = 1_000;
/** Of each list. */
export const mostBytes = 16 * 1024;
const longestError = 1_000;

/** `said`: the revision that was told last, which holds for all who are not named. `missed`: those whom others wait for. */
export function tell(presence: Presence, said: number, missed: Iterable<string>): Telling {
  const { newest, streams, gone, isTooEarly } = presence;
  const laggards = laggardsAway(newest, presence);
  const refusals: Refusal[] = [];
  let refusing = 0;
  let answered = isTooEarly ? 0 : newest;
  for (const { stream } of streams.values()) {
    if (stream.isRefusing) {
      refusing++;
      for (const refusal of refusalsOf(stream)) refusals.push(refusal);
    }
    if (stream.acked >= newest) continue;
    if (stream.acked >= said && stream.waitingMs < onItsWayMs) answered = Math.min(answered, stream.acked);
    else laggards.push(laggardOf(stream));
  }
  const named = firstOf(laggards.sort(inOrder));
  // Ordered by what they have, so the first one without a name stands for all of these.
  const revision = Math.min(answered, laggards[named.length]?.acked ?? answered);
  const lagging = new Set(laggards.map(({ sidecar }) => sidecar));
  const left = new Set(gone.flatMap(({ sidecar, hasLeft }) => (hasLeft ? sidecar : [])));
  const isHere = (sidecar: string) => left.has(sidecar) || (streams.has(sidecar) && !lagging.has(sidecar));
  return {
    revision,
    connected: streams.size,
    laggards: named,
    refusing,
    refusals: firstOf(refusals.sort(latestFirst).map(shortened)),
    here: firstOf([...missed].filter(isHere).sort()),
  };
}

/** As many as have room. */
function firstOf<T>(items: readonly T[]): T[] {
  const first: T[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
    if (bytes > mostBytes) break;
    first.push(item);
  }
  return first;
}

function shortened({ error, ...rest }: Refusal): Refusal {
  return { ...rest, error: error.slice(0, longestError) };
}

function inOrder(a: Laggard, b: Laggard): number {
  return a.acked - b.acked || (a.sidecar < b.sidecar ? -1 : 1);
}

function latestFirst(a: Refusal, b: Refusal): number {
  return b.revision - a.revision || (a.sidecar < b.sidecar ? -1 : 1);
}

import type { Subject } from './contenders.ts';
import { watchCpu } from './cpu-watch.ts';
import { benchRequest } from './mesh-config.ts';
import type { OpenBlock } from './open-figures.ts';
import { loadOpenly } from './open-load.ts';
import type { Placement } from './placement.ts';

export type OpenSettings = { readonly perSecond: number; readonly seconds: number; readonly connections: number };

/** The first second of a block is not measured: connections are made, and the proxy wakes from idling. */
export const openWarmupSeconds = 1;

/** Loads a proxy at a fixed rate and watches it. Each round draws other times, and the same ones for all proxies. */
export async function measureOpenBlock(
  { processes, port, name }: Subject,
  { perSecond, seconds, connections }: OpenSettings,
  round: number,
  place: Placement,
): Promise<OpenBlock> {
  const stop = watchCpu(processes, place);
  const load = { ...benchRequest, port, connections, perSecond, seconds, warmupSeconds: openWarmupSeconds };
  const report = await loadOpenly({ ...load, seed: round + 1 }).catch((error: Error) => {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  });
  return { ...stop(), report };
}

import { join } from 'node:path';
import { startProcess } from '../harness/process.ts';
import { loadOpenly, type OpenReport } from './open-load.ts';
import { onProxyCpu } from './placement.ts';
import type { Rig } from './rig.ts';
import { formatTable } from './table.ts';

/** What was known beforehand, what the generator said, and how far they may be apart. */
export type Validation = {
  readonly what: string;
  readonly expectedUs: number;
  readonly measuredUs: number;
  readonly toleranceUs: number;
};

const delaysUs = [50, 200, 1000] as const;
const perSecond = 400; // one request at a time: the echo spins, so requests that overlap would wait for each other
const stall = { ms: 50, everyMs: 1000, perSecond: 2000 } as const;

/**
 * Loads a server that answers after a known delay (which moves every quantile by as much; the tenth is the one that others
 * on the machine disturb least), and one that stands still for a known part of each second. The first
 * shows that microseconds are right; the second that requests due during a stall are charged with it: of requests due at
 * even pace, a share of stall / period waits for anything up to the stall, so the wait that 1 % exceed follows.
 */
export async function validateOpenLoad(rig: Rig, status: (text: string) => void): Promise<Validation[]> {
  const load = async (rate: number, seconds: number, ...args: number[]): Promise<OpenReport> => {
    status(`open loop against a server with ${args.join(' ')}`);
    const echo = await startProcess({
      ...onProxyCpu(rig.place, process.execPath, [join(import.meta.dirname, 'echo-main.ts'), ...args.map(String)]),
      ready: /^port \d+$/,
    });
    try {
      const port = Number(/^port (\d+)$/m.exec(echo.output())![1]);
      const target = { port, host: 'echo', path: '/', connections: 16 };
      return await loadOpenly({ ...target, perSecond: rate, seconds, warmupSeconds: 1, seed: 1 });
    } finally {
      await echo.stop();
    }
  };
  const baseUs = (await load(perSecond, 4, 0)).p10Us;
  const validations: Validation[] = [];
  for (const delayUs of delaysUs) {
    const { p10Us } = await load(perSecond, 4, delayUs);
    const what = `a delay of ${delayUs} us, p10 above that of none (${baseUs.toFixed(1)} us)`;
    validations.push({ what, expectedUs: delayUs, measuredUs: p10Us - baseUs, toleranceUs: 10 });
  }
  const { p99Us } = await load(stall.perSecond, 6, 0, stall.ms, stall.everyMs);
  const stalledShare = stall.ms / (stall.everyMs + stall.ms);
  validations.push({
    what: `a stall of ${stall.ms} ms each second, p99`,
    expectedUs: stall.ms * 1000 * (1 - 0.01 / stalledShare),
    measuredUs: p99Us,
    toleranceUs: 6000, // stalls do not fit the block evenly, and the backlog of each takes a few ms to drain
  });
  return validations;
}

export function formatValidation(validations: readonly Validation[]): { text: string; isMet: boolean } {
  const isMet = validations.every(isWithin);
  const rows = validations.map((validation) => [
    validation.what,
    validation.expectedUs.toFixed(1),
    validation.measuredUs.toFixed(1),
    validation.toleranceUs.toFixed(0),
    isWithin(validation) ? 'pass' : 'falls short',
  ]);
  return { text: formatTable(['', 'expected us', 'measured us', '+/-', ''], rows), isMet };
}

function isWithin({ expectedUs, measuredUs, toleranceUs }: Validation): boolean {
  return Math.abs(measuredUs - expectedUs) <= toleranceUs;
}

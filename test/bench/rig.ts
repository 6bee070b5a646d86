import type { Owner } from '../harness/owner.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { type Placement, pin, unpinned } from './placement.ts';

/** What one bench run stands on: where things run, a scratch folder, and an owner that ends all it started. */
export type Rig = {
  readonly place: Placement;
  readonly folder: string;
  readonly owner: Owner;
  readonly status: (text: string) => void;
};

/**
 * Runs `work` and then ends, last first, whatever it handed to the owner, also when it throws. On Ctrl-C the harness
 * ends processes and removes folders by itself.
 */
export async function withRig<T>(
  { isPinned, status }: { isPinned: boolean; status: (text: string) => void },
  work: (rig: Rig) => Promise<T>,
): Promise<T> {
  const endings: (() => unknown)[] = [];
  const owner: Owner = { teardown: (end) => endings.push(end) };
  try {
    const place = isPinned ? await pin((text) => status(`note: ${text}`)) : unpinned;
    return await work({ place, folder: tempFolder(owner), owner, status });
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

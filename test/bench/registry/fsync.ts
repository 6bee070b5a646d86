import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { timeEach } from './quantiles.ts';

const blockBytes = 4096;

/** What the disk takes to keep 4 kB for good, which no durable write is quicker than. */
export async function timeFsync(folder: string, times: number, pauseMs: number): Promise<number[]> {
  const file = await open(join(folder, 'fsync'), 'w');
  const block = Buffer.alloc(blockBytes, 1);
  try {
    return await timeEach(times, pauseMs, async () => {
      await file.write(block);
      await file.datasync();
    });
  } finally {
    await file.close();
  }
}

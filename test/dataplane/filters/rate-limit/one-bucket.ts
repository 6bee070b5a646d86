import { BucketTable, bytesPerBucket, timeWrapUs } from '../../../../dataplane/filters/rate-limit/bucket-table.ts';
import { Gcra } from '../../../../dataplane/filters/rate-limit/gcra.ts';

export type Rate = { readonly requests: number; readonly perMs: number; readonly burst: number };

/** A bucket by itself: what is asked at a time gets the time to wait, 0 when it passes. `startUs` is added to all times. */
export function oneBucket({ requests, perMs, burst }: Rate, startUs = 0): (atUs: number) => number {
  const table = new BucketTable(new SharedArrayBuffer(16 * bytesPerBucket), 0, 16);
  const gcra = new Gcra(requests, perMs, burst);
  return (atUs) => table.take(3, 7, gcra, (startUs + atUs) % timeWrapUs);
}

import { deepStrictEqual } from 'node:assert/strict';
import { BucketTable, bytesPerBucket, timeWrapUs } from '../../../dataplane/filters/rate-limit/bucket-table.ts';
import { Gcra } from '../../../dataplane/filters/rate-limit/gcra.ts';
import type { Stage } from './stage.ts';

const count = 65_536;
const place = 5;
const tag = 77;
const everyUs = 10;
const timeBits = 44n;
const timeMask = BigInt(timeWrapUs - 1);

/** Twice what it allows is asked for. */
const rate = () => new Gcra(50_000, 1000, 100);

export const stage: Stage = {
  name: 'rate-limit',
  what: 'count a request in the bucket of a limit, in memory that threads share; every other one is refused',
  plain: 'the same word read and written as a BigInt',
  prepare() {
    const table = new BucketTable(new SharedArrayBuffer(count * bytesPerBucket), 0, count);
    const words = new BigInt64Array(new SharedArrayBuffer(count * bytesPerBucket));
    const [fastRate, plainRate] = [rate(), rate()];
    const askFast = steadily((nowUs) => table.take(place, tag, fastRate, nowUs));
    const askPlain = steadily((nowUs) => takePlainly(words, plainRate, nowUs));
    return {
      check() {
        for (let i = 0; i < 3000; i++) deepStrictEqual(askFast(), askPlain());
      },
      runFast(times) {
        let passed = 0;
        for (let i = 0; i < times; i++) if (askFast() === 0) passed++;
        return passed;
      },
      runPlain(times) {
        let passed = 0;
        for (let i = 0; i < times; i++) if (askPlain() === 0) passed++;
        return passed;
      },
    };
  },
};

/** Asks at a time that is a little later for each question. */
function steadily(ask: (nowUs: number) => number): () => number {
  let nowUs = 0;
  return () => {
    nowUs += everyUs;
    return ask(nowUs);
  };
}

function takePlainly(words: BigInt64Array, gcra: Gcra, nowUs: number): number {
  for (;;) {
    const word = Atomics.load(words, place);
    const aheadUs = Math.max(0, Number(word & timeMask) - nowUs);
    const waitUs = gcra.waitUs(aheadUs);
    if (waitUs > 0) return waitUs;
    const next = (BigInt(tag) << timeBits) | BigInt(nowUs + aheadUs + gcra.stepUs());
    if (Atomics.compareExchange(words, place, word, next) === word) return 0;
  }
}

import { codecCase } from './cases.ts';
import { type CodecCase, type CodecVerdict, checkCodec } from './codec-check.ts';
import { mostFindings, type Observer, type Range, sentBytes } from './finding.ts';
import { Random } from './random.ts';

export type CodecFigures = {
  readonly messages: number;
  readonly seconds: number;
  readonly taken: Readonly<Record<CodecVerdict['taken'], number>>;
};

/** Puts the mutated messages from `from` to below `to` through the codec. Gives the event loop a turn now and then. */
export async function runCodec({ seed, from, to }: Range, observer: Observer): Promise<CodecFigures> {
  const startedAt = performance.now();
  const taken = { whole: 0, partial: 0, refused: 0 };
  let findings = 0;
  for (let index = from; index < to && findings < mostFindings; index++) {
    const one = codecCase(seed, index);
    const verdict = verdictOf(one, Random.ofCase(seed + 1, index));
    taken[verdict.taken]++;
    if (verdict.fault !== null) {
      findings++;
      const sent = one.kind === 'request' ? sentBytes(one.bytes, null) : sentBytes(null, one.bytes);
      observer.onFinding({ part: 'codec', index, what: `${one.kind}: ${verdict.fault}`, ...sent, seen: '' });
    }
    if ((index & 1023) === 1023) {
      observer.onProgress(index + 1 - from);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { messages: to - from, seconds: (performance.now() - startedAt) / 1000, taken };
}

function verdictOf(one: CodecCase, random: Random): CodecVerdict {
  try {
    return checkCodec(one, random);
  } catch (error) {
    return { taken: 'refused', fault: `it threw ${(error as Error).stack ?? String(error)}` };
  }
}

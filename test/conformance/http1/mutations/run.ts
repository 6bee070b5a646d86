import { withOwner } from '../../../harness/owner.ts';
import { type CodecFigures, runCodec } from './codec-run.ts';
import type { Finding } from './finding.ts';
import { runWire, type WireFigures } from './wire-run.ts';

export type MutationReport = {
  readonly seed: number;
  readonly messages: number;
  readonly seconds: number;
  readonly codec: CodecFigures;
  readonly wire: WireFigures;
  readonly findings: readonly Finding[];
};

/** One in so many goes over the wire, which takes some twenty times as long as the codec alone. */
export const wireShare = 4;

/** Runs so many mutated messages: most through the codec alone, the others through a whole proxy. */
export async function runMutations(
  { seed, messages }: { seed: number; messages: number },
  onStatus: (text: string) => void,
): Promise<MutationReport> {
  const startedAt = performance.now();
  const findings: Finding[] = [];
  const observe = (part: string, of: number) => ({
    onFinding: (finding: Finding) => void findings.push(finding),
    onProgress: (done: number) => {
      const rate = (done / (performance.now() - partStartedAt)) * 1000;
      onStatus(`${part}: ${done} of ${of}, ${rate.toFixed()} a second, ${findings.length} findings`);
    },
  });
  const overWire = Math.floor(messages / wireShare);
  const inProcess = messages - overWire;
  let partStartedAt = performance.now();
  const codec = await runCodec({ seed, from: 0, to: inProcess }, observe('codec', inProcess));
  partStartedAt = performance.now();
  const wire = await withOwner((owner) =>
    runWire(owner, { seed, from: inProcess, to: messages }, observe('wire', overWire)),
  );
  return { seed, messages, seconds: (performance.now() - startedAt) / 1000, codec, wire, findings };
}

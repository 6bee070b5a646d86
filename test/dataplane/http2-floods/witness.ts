import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Owner } from '../../harness/owner.ts';
import type { Target } from './target.ts';

export type WitnessOrder =
  | {
      readonly type: 'watch';
      readonly port: number;
      readonly originPort: number;
      readonly pid: number;
      readonly threads: RegExp;
    }
  | { readonly type: 'enough' };

export type WitnessWord = { readonly type: 'watching' } | { readonly type: 'report'; readonly report: WitnessReport };

/** Times of one request. */
export type Answer = {
  /** Through the proxy. */
  readonly tookMs: number;
  /** The same, asked of the origin at the same moment: what origin, witness and machine took themselves. */
  readonly directMs: number;
  /** How long the proxy was ready to run meanwhile and had no CPU. */
  readonly waitedMs: number;
};

export type WitnessReport = {
  readonly answers: readonly Answer[];
  /** What came instead of a reply. */
  readonly failures: readonly string[];
};

/** An ordinary caller, in a thread of its own. */
export type Witness = {
  /** Lets it ask, 50 times a second, until `work` is done. */
  watch(target: Target, originPort: number, work: () => Promise<unknown>): Promise<WitnessReport>;
};

export function startWitness(t: Owner): Witness {
  const worker = new Worker(new URL('./witness-worker.ts', import.meta.url));
  t.teardown(() => worker.terminate());
  const tell = (order: WitnessOrder) => worker.postMessage(order);
  const heard = async <T extends WitnessWord['type']>(type: T) => {
    const [word] = (await once(worker, 'message')) as [WitnessWord];
    if (word.type !== type) throw new Error(`the witness says "${word.type}" before "${type}"`);
    return word as Extract<WitnessWord, { type: T }>;
  };
  return {
    watch: async ({ port, pid, threads }, originPort, work) => {
      tell({ type: 'watch', port, originPort, pid, threads });
      await heard('watching');
      try {
        await work();
      } finally {
        tell({ type: 'enough' });
      }
      return (await heard('report')).report;
    },
  };
}

/**
 * How long the proxy itself let the slowest answer wait. What origin and witness needed, and what the machine kept from the
 * proxy, is not its fault.
 */
export function slowestMs({ answers }: WitnessReport): number {
  return Math.max(...answers.map(({ tookMs, directMs, waitedMs }) => tookMs - directMs - waitedMs));
}

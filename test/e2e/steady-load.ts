import { setTimeout as wait } from 'node:timers/promises';
import type { Owner } from '../harness/owner.ts';
import { Caller, type Question } from './caller.ts';

export type LoadOptions = {
  /** Outbound port of the caller's sidecar. */
  readonly port: number;
  readonly question: Question;
  readonly perSecond: number;
  /** Requests under way at the same time at most. */
  readonly connections?: number;
};

export type Failure = {
  /** The `x-id` of the request. */
  readonly id: string;
  /** Number of the caller it failed for. */
  readonly caller: number;
  readonly why: string;
  readonly sentMs: number;
};

export type SteadyLoad = {
  /** What the `x-id` of each of its requests begins with. */
  readonly prefix: string;
  /** Requests answered with 200 so far, by the application that answered. */
  readonly answered: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
  readonly total: number;
  /** Requests under way now. */
  readonly inFlight: number;
  /** Lets what is under way end. */
  stop(): Promise<void>;
};

let loads = 0;

/** Callers that each ask, wait for the reply and pause, so that together they come to `perSecond`; a slow reply is not made up for. */
export function steadyLoad(t: Owner, { port, question, perSecond, connections = 4 }: LoadOptions): SteadyLoad {
  const answered = new Map<string, number>();
  const failures: Failure[] = [];
  const prefix = `${++loads}-`;
  let isOver = false;
  let total = 0;
  let inFlight = 0;
  const intervalMs = (1000 * connections) / perSecond;

  const run = async (index: number) => {
    const caller = new Caller(port);
    let nextMs = performance.now() + (index * intervalMs) / connections;
    while (!isOver) {
      const pauseMs = nextMs - performance.now();
      if (pauseMs > 0) await wait(pauseMs);
      nextMs = Math.max(nextMs + intervalMs, performance.now());
      const id = `${prefix}${++total}`;
      const sentMs = performance.now();
      inFlight++;
      try {
        const { status, from } = await caller.ask({ ...question, headers: { ...question.headers, 'x-id': id } });
        if (status === 200) answered.set(from, (answered.get(from) ?? 0) + 1);
        else failures.push({ id, caller: index, why: `${status} ${from}`, sentMs });
      } catch (error) {
        failures.push({ id, caller: index, why: (error as Error).message, sentMs });
      }
      inFlight--;
    }
    caller.close();
  };
  const running = Promise.all(Array.from({ length: connections }, (_, index) => run(index)));
  const stop = async () => {
    isOver = true;
    await running;
  };
  t.teardown(stop);
  return {
    prefix,
    answered,
    failures,
    get total() {
      return total;
    },
    get inFlight() {
      return inFlight;
    },
    stop,
  };
}

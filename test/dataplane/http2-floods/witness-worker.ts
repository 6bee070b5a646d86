import { setTimeout as wait } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { withOwner } from '../../harness/owner.ts';
import { get, type RawClient, rawClient } from '../harness/raw-client.ts';
import { schedulerWaits, waitedBetween } from './scheduler-waits.ts';
import type { Answer, WitnessOrder, WitnessReport, WitnessWord } from './witness.ts';

/** A thread of its own, so that what attacks does not hold up what it is measured with. */

const everyMs = 20;
/** Each so many requests have a connection of their own, so that newcomers are served, too. */
const freshEvery = 5;
const patienceMs = 5000;
const path = '/small';

let isWatching = false;
const tell = (word: WitnessWord) => parentPort!.postMessage(word);

parentPort!.on('message', (order: WitnessOrder) => {
  if (order.type === 'watch') void watch(order).then((report) => tell({ type: 'report', report }));
  else isWatching = false;
});

function watch({ port, originPort, pid, threads }: Extract<WitnessOrder, { type: 'watch' }>): Promise<WitnessReport> {
  return withOwner(async (owner) => {
    const answers: Answer[] = [];
    const failures: string[] = [];
    const control = await rawClient(owner, originPort);
    const open = () => frameClient(owner, port);
    let kept: FrameClient | null = null;
    isWatching = true;
    tell({ type: 'watching' });
    for (let count = 0; isWatching; count++) {
      const isFresh = count % freshEvery === freshEvery - 1;
      const waits = schedulerWaits(pid, threads);
      const [proxied, direct] = await Promise.all([
        timed(() => ask(isFresh ? null : kept, open)),
        timed(() => askOrigin(control)),
      ]);
      answers.push({
        tookMs: proxied.tookMs,
        directMs: direct.tookMs,
        waitedMs: waitedBetween(waits, schedulerWaits(pid, threads)),
      });
      const { caller, fault } = proxied.result;
      if (fault !== null) failures.push(fault);
      if (isFresh || fault !== null) caller?.socket.destroy();
      if (!isFresh) kept = fault === null ? caller : null;
      await wait(Math.max(0, everyMs - proxied.tookMs));
    }
    return { answers, failures };
  });
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; tookMs: number }> {
  const sinceMs = performance.now();
  const result = await work();
  return { result, tookMs: performance.now() - sinceMs };
}

type Asked = { readonly caller: FrameClient | null; readonly fault: string | null };

/** Asks on a connection that is there, or on a new one. */
async function ask(kept: FrameClient | null, open: () => Promise<FrameClient>): Promise<Asked> {
  let caller = kept;
  try {
    caller ??= await open();
    const reply = await caller.reply(caller.request(requestFields('GET', path)), patienceMs);
    caller.frames.length = 0; // a long watch must not grow
    const isFine = reply.status === 200 && reply.end === 'whole';
    return { caller, fault: isFine ? null : `${reply.status} ${reply.end} ${reply.error ?? ''}` };
  } catch (error) {
    return { caller, fault: (error as Error).message };
  }
}

async function askOrigin(control: RawClient): Promise<void> {
  control.send(get(path));
  await control.reply();
}

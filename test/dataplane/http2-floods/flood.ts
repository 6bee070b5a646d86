import { once, setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { errorNameOf, FrameType, preface } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient } from '../../harness/http2/frame-client.ts';
import { settingsFrame } from '../../harness/http2/frame-writer.ts';
import { withOwner } from '../../harness/owner.ts';

/** What somebody sends who means no good; bounded, so that it ends by itself. */
export type Flood = {
  /** Words for the title of a test: `10,000 requests, each taken back at once`. */
  readonly name: string;
  /** Where it was seen, or the section it abuses. */
  readonly reference: string;
  /** All bytes of one connection behind preface and SETTINGS, in pieces. */
  readonly bytes: () => Iterable<Buffer>;
  /** How many connections do the same at once; 1 when absent. */
  readonly connections?: number;
  /** What its SETTINGS say. */
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** False: `bytes` has all there is, preface and SETTINGS included or left out. */
  readonly greets?: boolean;
  /** False: nothing that comes is read or acknowledged. */
  readonly reads?: boolean;
  /** Pause behind each piece, for what is slow on purpose. */
  readonly pauseMs?: number;
  /** How long the connections stay when all is sent, unless all are closed before; 100 ms when absent, 2 s with `mustClose`. */
  readonly holdMs?: number;
  /** Nobody may bear with it to its end. */
  readonly mustClose?: boolean;
};

/** What became of the connections of a flood. */
export type FloodEnd = {
  readonly sentBytes: number;
  /** Connections that the other side has closed, or told to by GOAWAY. */
  readonly closed: number;
  readonly connections: number;
  /** The names of the errors that GOAWAY told. */
  readonly errors: readonly string[];
};

const usualHoldMs = 100;
/** For who has to close them all, on a machine that is slow. */
const closingMs = 2_000;
/** Whoever takes no more bytes by then has stopped reading, which is as good as closing. */
const longestMs = 4000;
/** So many bytes are written at a time. */
const batchBytes = 64 * 1024;

export function launch(flood: Flood, port: number): Promise<FloodEnd> {
  const { connections = 1, settings = [], greets = true, reads = true } = flood;
  return withOwner(async (owner) => {
    const callers: FrameClient[] = [];
    while (callers.length < connections) {
      const habits = { acknowledges: reads && greets, grantsWindow: reads };
      const caller = await frameClient(owner, port, { greets: false, ...habits });
      if (!reads) caller.socket.pause();
      if (greets) caller.send(preface, settingsFrame(settings));
      callers.push(caller);
    }
    const limit = AbortSignal.timeout(longestMs);
    setMaxListeners(0, limit);
    const sent = await Promise.all(callers.map((caller) => send(caller, flood, limit)));
    const holdMs = flood.holdMs ?? (flood.mustClose ? closingMs : usualHoldMs);
    await Promise.race([wait(holdMs), Promise.all(callers.map(gone))]);
    const goaways = callers.flatMap(({ frames }) => frames.filter(({ type }) => type === FrameType.goaway));
    return {
      sentBytes: sent.reduce((sum, bytes) => sum + bytes, 0),
      closed: callers.filter(isOver).length,
      connections,
      errors: [...new Set(goaways.map(errorNameOf))],
    };
  });
}

/** Writes as fast as it is taken; gives the number of bytes. */
async function send(caller: FrameClient, { bytes, pauseMs }: Flood, limit: AbortSignal): Promise<number> {
  const over = Promise.race([gone(caller), once(limit, 'abort')]);
  let sentBytes = 0;
  let batch: Buffer[] = [];
  let batched = 0;
  const flush = async () => {
    const isTaken = caller.socket.write(Buffer.concat(batch));
    sentBytes += batched;
    batch = [];
    batched = 0;
    // What comes back is read now and then, too.
    if (isTaken) await new Promise(setImmediate);
    else await Promise.race([drained(caller), over]);
  };
  for (const piece of bytes()) {
    batch.push(piece);
    batched += piece.length;
    if (batched < batchBytes && pauseMs === undefined) continue;
    if (isOver(caller) || limit.aborted) return sentBytes;
    await flush();
    if (pauseMs !== undefined) await wait(pauseMs);
  }
  if (!isOver(caller)) await flush();
  return sentBytes;
}

function drained({ socket }: FrameClient): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve);
  });
}

function gone(caller: FrameClient): Promise<void> {
  return new Promise((resolve) => {
    if (isOver(caller)) resolve();
    else caller.socket.once('close', resolve);
  });
}

function isOver(caller: FrameClient): boolean {
  return caller.isClosed || caller.hasEnded || caller.frames.some(({ type }) => type === FrameType.goaway);
}

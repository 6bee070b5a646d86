import { FrameType, preface } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { settingsAck, settingsFrame } from '../../harness/http2/frame-writer.ts';
import type { StreamReply } from '../../harness/http2/stream-reply.ts';
import { withOwner } from '../../harness/owner.ts';
import type { CanaryFault, DriveOptions, Lane } from '../http1/drive.ts';
import { canaryPrefix, type SeenRequest, writeBytes } from '../http1/recording-origin.ts';
import type { RequestCase } from './corpus.ts';

/** What a case came to, as the two ends saw it. */
export type Outcome = {
  /** What became of the stream; null when nothing did for too long. */
  readonly reply: StreamReply | null;
  /** What the origin saw, without the canary. */
  readonly requests: readonly SeenRequest[];
  readonly faults: readonly string[];
  /** What is wrong with a good request sent afterwards; null when it was answered as it should. */
  readonly canaryFault: CanaryFault | null;
};

export function drive(lane: Lane, one: RequestCase, options: DriveOptions): Promise<Outcome> {
  return withOwner(async (owner) => {
    const seen = lane.origin.begin(null);
    // Nothing may come between the bytes that a case writes one by one.
    const open = () => frameClient(owner, lane.port, { greets: false, acknowledges: false, grantsWindow: false });
    const caller = await open();
    await greet(caller, options);
    await writeBytes(caller.socket, one.frames, options.isBytewise);
    caller.nextStream(); // stream 1 was the case's
    // Whoever breaks its request off waits for no reply; that nothing came of it shows with the canary, which is behind it.
    const isCut = one.ways[0]!.kind === 'cut';
    const reply = isCut ? null : await caller.reply(1, options.quietMs).catch(() => null);
    const path = `${canaryPrefix}${++canaries}`;
    const answer = await sendCanary(caller, open, path, Math.max(options.quietMs, leastCanaryMs));
    const isSeen = seen.requests.some(({ echo }) => echo === path);
    const requests = seen.requests.filter(({ echo }) => echo !== path);
    const canaryFault = faultOf(answer, path, isSeen);
    if (canaryFault !== null || seen.faults.length > 0) lane.origin.breakConnections();
    return { reply, requests, faults: seen.faults, canaryFault };
  });
}

let canaries = 0;
/** A proxy may be busy with what came before. */
const leastCanaryMs = 2000;

/**
 * Asks for something of its own: on the connection of the case if that still serves, for errors of one stream must not touch
 * others, else on a new one.
 */
async function sendCanary(before: FrameClient, open: () => Promise<FrameClient>, path: string, patienceMs: number) {
  const isOver = before.isClosed || before.hasEnded || before.frames.some(({ type }) => type === FrameType.goaway);
  const reply = isOver ? null : await ask(before, path, patienceMs);
  // A proxy that gives up a connection may do so a moment after it has refused a stream of it.
  const isLost = reply === null || reply.end === 'goaway' || reply.end === 'closed';
  if (!isLost) return reply;
  const fresh = await open();
  await greet(fresh, { isBytewise: false, quietMs: patienceMs });
  return ask(fresh, path, patienceMs);
}

async function greet(caller: FrameClient, { isBytewise, quietMs }: DriveOptions): Promise<void> {
  await writeBytes(caller.socket, Buffer.concat([preface, settingsFrame()]), isBytewise);
  await caller.frame(FrameType.settings, () => true, quietMs).catch(() => undefined); // without an answer, the case tells
  await writeBytes(caller.socket, settingsAck, isBytewise);
}

function faultOf(reply: StreamReply | null, path: string, isSeen: boolean): CanaryFault | null {
  const account = JSON.stringify(reply && { ...reply, body: reply.body.toString('latin1') })?.slice(0, 300);
  const detail = `the next request got ${account}`;
  if (reply === null || reply.end !== 'whole' || reply.status >= 500 || !isSeen) return { level: 'lax', detail };
  return reply.body.toString() === path ? null : { level: 'critical', detail };
}

async function ask(caller: FrameClient, path: string, patienceMs: number): Promise<StreamReply | null> {
  return caller.reply(caller.request(requestFields('GET', path)), patienceMs).catch(() => null);
}

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { readReplies } from '../../harness/strict-reader.ts';
import type { ReplyCase, RequestCase } from './corpus.ts';
import { canaryPrefix, type RecordingOrigin, type SeenRequest, writeBytes } from './recording-origin.ts';

/** `critical`: it met what another case left behind. `lax`: it was refused for that, or got no answer. */
export type CanaryFault = { readonly level: 'critical' | 'lax'; readonly detail: string };

/** One way through a proxy to an origin of its own. Cases take it one after the other. */
export type Lane = { readonly port: number; readonly origin: RecordingOrigin };

export type DriveOptions = {
  readonly isBytewise: boolean;
  /** Silence after which nothing more is waited for. */
  readonly quietMs: number;
};

/** What a case came to, as the two ends saw it. */
export type Outcome = {
  /** What the caller got. */
  readonly received: Buffer;
  /** How the proxy ended the connection before the caller did; null when it did not. */
  readonly closed: 'end' | 'reset' | null;
  /** What the origin saw, without the canary. */
  readonly requests: readonly SeenRequest[];
  readonly faults: readonly string[];
  /** What is wrong with a good request sent afterwards; null when it was answered as it should. */
  readonly canaryFault: CanaryFault | null;
  /** The canary came on the connection that the case had used. */
  readonly isReused: boolean;
  /** Nothing came for too long: the proxy waits, or it is slow. */
  readonly ranOutOfTime: boolean;
};

export async function driveRequest(lane: Lane, one: RequestCase, options: DriveOptions): Promise<Outcome> {
  const bytes = Buffer.concat(one.steps as Buffer[]);
  const forwards = one.ways.map((way) => way.filter(({ kind }) => kind === 'forward' || kind === 'answer').length);
  // A refusal behind what is forwarded closes the connection, and the caller waits for that.
  const isRefusedLater = one.ways.some((way) => way.length > 1 && way.at(-1)!.kind === 'refuse');
  const wanted = isRefusedLater ? 0 : Math.max(...forwards);
  const isCut = one.ways[0]![0]!.kind === 'cut';
  const takesErrors = one.ways[0]![0]!.kind === 'answer';
  return drive(lane, { bytes, wanted, takesErrors, endsItself: isCut, script: null, isBrokenLater: false }, options);
}

export async function driveReply(lane: Lane, one: ReplyCase, options: DriveOptions): Promise<Outcome> {
  const script = { steps: one.steps, isBytewise: options.isBytewise };
  // Bytes after a pause may come when the reply is over; the proxy has to hear of them before the canary asks.
  const isBrokenLater =
    one.steps.includes('pause') && one.ways.some((way) => 'connection' in way && way.connection === 'fresh');
  const errand = { bytes: one.request, wanted: 1, takesErrors: true, endsItself: false, script, isBrokenLater };
  return drive(lane, errand, { ...options, isBytewise: false });
}

type Errand = {
  readonly bytes: Buffer;
  /** Replies after which the caller is content and closes; 0: it waits for the proxy to close. */
  readonly wanted: number;
  /** A status from 400 on is an answer like others; else it has to end the connection, and the caller waits for that. */
  readonly takesErrors: boolean;
  /** The caller closes without waiting for anything. */
  readonly endsItself: boolean;
  readonly script: Parameters<RecordingOrigin['begin']>[0];
  /** The proxy is expected to give the origin's connection up when all is over. */
  readonly isBrokenLater: boolean;
};

async function drive(lane: Lane, errand: Errand, options: DriveOptions): Promise<Outcome> {
  const { origin } = lane;
  const seen = origin.begin(errand.script);
  const firstMethod = /^[A-Z]+/.exec(errand.bytes.toString('latin1', 0, 20))?.[0] ?? 'GET';
  const caller = new Caller(lane.port, () => origin.resume());
  await caller.connected;
  await writeBytes(caller.socket, errand.bytes, options.isBytewise);
  if (errand.endsItself) caller.socket.end();
  const isContent = () => {
    const statuses = finalStatuses(caller.received, [firstMethod, ...methodsOf(seen.requests).slice(1)]);
    return statuses.length >= errand.wanted && (errand.takesErrors || statuses.every((status) => status < 400));
  };
  const isSettled = await caller.settled(() => errand.wanted > 0 && isContent(), options.quietMs);
  const { closed } = caller;
  if (closed === null) {
    caller.socket.end();
    await caller.settled(() => false, options.quietMs);
  }
  caller.socket.destroy();
  if (errand.isBrokenLater) await origin.whenClosed(origin.scriptedConnection, options.quietMs);
  const requests = [...seen.requests];
  const used = errand.script === null ? requests.map((request) => request.connection) : [origin.scriptedConnection];
  const { fault, connection } = await sendCanary(lane, options.quietMs);
  const outcome: Outcome = {
    received: caller.received,
    closed,
    requests,
    faults: [...seen.faults],
    canaryFault: fault,
    isReused: used.includes(connection),
    ranOutOfTime: !isSettled,
  };
  if (fault !== null || seen.faults.length > 0) origin.breakConnections();
  return outcome;
}

let canaries = 0;
/** A proxy may be busy with what came before. */
const leastCanaryMs = 2000;

/** Asks for something of its own on a new connection: the answer must be its own as well. */
async function sendCanary(lane: Lane, quietMs: number): Promise<{ fault: CanaryFault | null; connection: number }> {
  const path = `${canaryPrefix}${++canaries}`;
  const seen = lane.origin.begin(null);
  const caller = new Caller(lane.port, () => undefined);
  await caller.connected;
  caller.socket.write(`GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`);
  await caller.settled(() => finalStatuses(caller.received, ['GET']).length > 0, Math.max(quietMs, leastCanaryMs));
  caller.socket.destroy();
  const reply = readReplies(caller.received, ['GET'], caller.closed === 'end').messages.at(-1);
  const request = seen.requests.find(({ echo }) => echo === path);
  const text = JSON.stringify(caller.received.toString('latin1').slice(0, 300));
  const extra = seen.requests.filter((one) => one !== request).map(({ startLine }) => startLine);
  const critical = (detail: string): CanaryFault => ({ level: 'critical', detail });
  let fault: CanaryFault | null = null;
  if (seen.faults.length > 0) fault = critical(`the origin read in the next request: ${seen.faults[0]}`);
  else if (extra.length > 0) fault = critical(`the origin got "${extra[0]}" with the next request`);
  else if (reply === undefined || /^HTTP\/1\.1 50[0-4] /.test(reply.startLine))
    fault = { level: 'lax', detail: `the next request, on a connection of its own, got ${text}` };
  else if (reply.body.toString() !== path)
    fault = critical(`the next request, on a connection of its own, got ${text}`);
  return { fault, connection: request?.connection ?? -1 };
}

/** Statuses of the whole final replies that came. */
function finalStatuses(received: Buffer, methods: readonly string[]): number[] {
  if (received.length === 0) return [];
  const more = Array.from({ length: 20 }, () => 'GET');
  return readReplies(received, [...methods, ...more], false)
    .messages.map(({ startLine }) => Number(startLine.slice(9, 12)))
    .filter((status) => status >= 200);
}

export function methodsOf(requests: readonly SeenRequest[]): string[] {
  return requests.map(({ startLine }) => startLine.slice(0, startLine.indexOf(' ')));
}

/** The caller's side of a connection. */
class Caller {
  readonly socket: Socket;
  readonly connected: Promise<unknown>;
  received: Buffer = Buffer.alloc(0);
  closed: 'end' | 'reset' | null = null;
  #isGone = false;
  #lastMs = performance.now();
  #wake: () => void = () => undefined;

  constructor(port: number, onBytes: () => void) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.socket = socket;
    this.connected = Promise.race([once(socket, 'connect'), once(socket, 'close').catch(() => undefined)]);
    socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.#lastMs = performance.now();
      onBytes();
      this.#wake();
    });
    socket.on('end', () => {
      this.closed ??= 'end';
      this.#wake();
    });
    socket.on('error', () => {
      this.closed ??= 'reset';
    });
    socket.on('close', () => {
      this.#isGone = true;
      this.closed ??= 'reset';
      this.#wake();
    });
  }

  /** Waits until the other side has closed or `isContent` holds; false when nothing has come for too long. */
  async settled(isContent: () => boolean, quietMs: number): Promise<boolean> {
    this.#lastMs = performance.now();
    for (;;) {
      if (this.closed !== null || this.#isGone || isContent()) return true;
      const leftMs = this.#lastMs + quietMs - performance.now();
      if (leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

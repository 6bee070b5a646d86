import { connect } from 'node:net';

/** What came back on one connection. */
export type WireAnswer = {
  readonly received: Buffer;
  /** Ended by RST, so that nobody takes what came for whole. */
  readonly wasReset: boolean;
  /** Nothing ended the connection within the time for it. */
  readonly isStuck: boolean;
};

const mostMs = 10_000;
/** Long enough for a whole request to be answered before its caller's end is seen. */
const holdMs = 30;

/**
 * Sends bytes on a connection of their own and waits for its end. `places` cut them into writes; `isHeld` keeps the
 * sending side open until something comes back (or a moment has passed), as a caller does that means to go on.
 */
export function callOnce(
  { port, localAddress }: { port: number; localAddress: string },
  bytes: Buffer,
  { places, isHeld }: { places: readonly number[]; isHeld: boolean },
): Promise<WireAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    let wasReset = false;
    let isStuck = false;
    let holdTimer: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      isStuck = true;
      socket.destroy();
    }, mostMs);
    const sendFrom = (place: number) => {
      if (socket.destroyed) return;
      const from = place === 0 ? 0 : places[place - 1]!;
      socket.write(bytes.subarray(from, places[place] ?? bytes.length));
      if (place < places.length) setImmediate(sendFrom, place + 1);
      else if (isHeld) holdTimer = setTimeout(() => socket.end(), holdMs);
      else socket.end();
    };
    socket.on('connect', () => sendFrom(0));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (holdTimer !== undefined) socket.end();
    });
    socket.on('end', () => socket.end());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      wasReset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      if (!wasReset) isStuck = true;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      clearTimeout(holdTimer);
      resolve({ received: Buffer.concat(chunks), wasReset, isStuck });
    });
  });
}

import type { Socket } from 'node:net';
import { contentOf, Flag, type Frame, FrameType, has } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { pingFrame, settingsAck, windowUpdateFrame } from './frame-writer.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import type { Field } from './hpack/field.ts';

/** A frame that came. HEADERS and PUSH_PROMISE have fields from the end of their header block on, the others never. */
export type ReceivedFrame = Frame & { fields: readonly Field[] | null };

/** What an endpoint does by itself; a test turns off what it wants to do wrong. */
export type Habits = {
  /** SETTINGS and PING are acknowledged. */
  readonly acknowledges?: boolean;
  /** What DATA takes of the windows is given back at once. */
  readonly grantsWindow?: boolean;
  /** SETTINGS_HEADER_TABLE_SIZE that the other side was told. */
  readonly headerTableSize?: number;
};

const longestWaitMs = 10_000;

/** One end of an HTTP/2 connection that sends exactly the frames it is told to and keeps all that come. */
export class FrameConnection {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  /** The other side has sent FIN. */
  hasEnded = false;
  /** The connection is gone; by RST when `wasReset`. */
  isClosed = false;
  wasReset = false;
  /** What cannot be read as HTTP/2; nothing is read behind it. */
  fault: string | null = null;
  readonly #reader = new FrameReader();
  readonly #decoder: HpackDecoder;
  readonly #habits: Habits;
  #block: { readonly opener: ReceivedFrame; readonly pieces: Buffer[] } | null = null;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket, habits: Habits = {}) {
    this.socket = socket;
    this.#habits = habits;
    this.#decoder = new HpackDecoder(habits.headerTableSize);
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('end', () => {
      this.hasEnded = true;
      this.#wake();
    });
    socket.on('error', (error) => {
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') this.wasReset = true;
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }

  /** Breaks the connection; by RST, but where Node would leave a socket open that is reset while its end is under way. */
  reset(): void {
    if (this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /**
   * Waits until `find` finds something, and gives it. Fails after `timeoutMs`, and at once when the connection is gone
   * without it.
   */
  async until<T>(find: () => T, what: string, timeoutMs = longestWaitMs): Promise<NonNullable<T>> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = find();
      if (found) return found;
      const leftMs = deadline - performance.now();
      const isOver = this.isClosed || this.fault !== null;
      if (leftMs <= 0 || isOver) throw new Error(`${what} did not come; ${this.#account()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Waits for a frame of this type that `matches`; one that has come before counts. */
  frame(type: number, matches: (frame: ReceivedFrame) => boolean = () => true, timeoutMs = longestWaitMs) {
    const find = () => this.frames.find((one) => one.type === type && matches(one));
    return this.until(find, `a frame of type ${type}`, timeoutMs);
  }

  /** Waits until the other side has closed. */
  async closed(timeoutMs = longestWaitMs): Promise<void> {
    await this.until(() => this.isClosed || this.hasEnded, 'the end of the connection', timeoutMs);
  }

  /** Is called for each frame; for one that opens a header block, when the block has ended. */
  protected onFrame(_frame: ReceivedFrame): void {}

  #onBytes(bytes: Buffer): void {
    try {
      if (this.fault === null) for (const frame of this.readFrames(bytes)) this.#take({ ...frame, fields: null });
    } catch (error) {
      this.fault = (error as Error).message;
    }
    this.#wake();
  }

  protected readFrames(bytes: Buffer): Frame[] {
    return this.#reader.read(bytes);
  }

  #take(frame: ReceivedFrame): void {
    this.frames.push(frame);
    if (this.#block !== null && frame.type !== FrameType.continuation) throw new Error('a frame within a header block');
    switch (frame.type) {
      case FrameType.headers:
      case FrameType.pushPromise:
        this.#block = { opener: frame, pieces: [contentOf(frame)] };
        return this.#endBlock(frame);
      case FrameType.continuation:
        if (this.#block === null) throw new Error('CONTINUATION without HEADERS');
        this.#block.pieces.push(frame.payload);
        return this.#endBlock(frame);
      default:
        this.#keepHabits(frame);
        this.onFrame(frame);
    }
  }

  #endBlock(last: Frame): void {
    if (!has(last, Flag.endHeaders) || this.#block === null) return;
    const { opener, pieces } = this.#block;
    this.#block = null;
    opener.fields = this.#decoder.decode(Buffer.concat(pieces));
    this.onFrame(opener);
  }

  #keepHabits({ type, flags, stream, payload }: Frame): void {
    const { acknowledges = true, grantsWindow = true } = this.#habits;
    const isRequest = (flags & Flag.ack) === 0;
    if (acknowledges && isRequest && type === FrameType.settings) this.send(settingsAck);
    if (acknowledges && isRequest && type === FrameType.ping) this.send(pingFrame(payload, true));
    if (grantsWindow && type === FrameType.data && payload.length > 0) {
      this.send(windowUpdateFrame(0, payload.length));
      if ((flags & Flag.endStream) === 0) this.send(windowUpdateFrame(stream, payload.length));
    }
  }

  #account(): string {
    const state = this.fault ?? (this.isClosed ? 'the connection is closed' : 'the connection is open');
    const frames = this.frames.slice(-20).map(({ type, stream, flags }) => `${type}@${stream}/${flags}`);
    return `${state}; type@stream/flags of what came last: ${frames.join(' ')}`;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

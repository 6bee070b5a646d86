import type { Transport } from '../../../shared/transport/transport.ts';
import type { Frame } from '../../harness/http2/frame.ts';
import { FrameReader } from '../../harness/http2/frame-reader.ts';

const nothing = () => undefined;

/** A transport that takes everything, or nothing while `isBlocked`, and keeps what it took as frames. */
export class RecordingTransport implements Transport {
  readonly remoteAddress = '127.0.0.1';
  readonly memory = Buffer.alloc(65_536);
  readonly hasOwnMemory = false;
  readonly hasEnded = false;
  unsentBytes = 0;
  isBlocked = false;
  /** Bytes of each write. */
  readonly writes: number[] = [];
  readonly frames: Frame[] = [];
  readonly #reader = new FrameReader();

  write(bytes: Buffer): boolean {
    this.writes.push(bytes.length);
    this.frames.push(...this.#reader.read(Buffer.from(bytes)));
    return true;
  }

  /** Takes the frames that came since the last time. */
  take(): Frame[] {
    return this.frames.splice(0);
  }

  takeMemory = nothing;
  start = nothing;
  lend = nothing;
  pause = nothing;
  resume = nothing;
  end = nothing;
  destroy = nothing;
  reset = nothing;
}

import { lineOverhead, separatorLength } from '../../http2/hpack/field-line.ts';
import type { FieldSink } from '../../http2/hpack/field-sink.ts';

/** Most bytes of the fields of a request or of its trailers (SETTINGS_MAX_HEADER_LIST_SIZE). */
export const mostFieldBytes = 16 * 1024;

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
const longestTimerMs = 2 ** 31 - 1;

/** What a call says of itself in the fields of its request, as far as a server of gRPC has to know it. */
export class RequestHead implements FieldSink {
  method = '';
  path = '';
  contentType = '';
  authorization: string | undefined;
  /** Time until its caller gives up; null when it never does. */
  timeoutMs: number | null = null;
  #bytes = 0;

  get isTooLarge(): boolean {
    return this.#bytes > mostFieldBytes;
  }

  onField(line: Buffer, at: number, nameLength: number, valueLength: number): void {
    this.#bytes += nameLength + valueLength + lineOverhead;
    if (this.isTooLarge) return;
    const valueAt = at + nameLength + separatorLength;
    const value = () => line.toString('latin1', valueAt, valueAt + valueLength);
    switch (line.toString('latin1', at, at + nameLength)) {
      case ':method':
        this.method = value();
        break;
      case ':path':
        this.path = value();
        break;
      case 'content-type':
        this.contentType = value();
        break;
      case 'authorization':
        this.authorization = value();
        break;
      case 'grpc-timeout':
        this.timeoutMs = readTimeout(value());
    }
  }
}

/** What cannot be read is no deadline. */
function readTimeout(text: string): number | null {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return match ? Math.min(Number(match[1]) * unitMs[match[2]!]!, longestTimerMs) : null;
}

import { H2Code } from '../../http2/frame.ts';
import { lineOverhead, separatorLength } from '../../http2/hpack/field-line.ts';
import type { FieldSink } from '../../http2/hpack/field-sink.ts';
import { CallError, Status } from '../status.ts';

/** Most bytes of the fields of a reply or of its trailers (SETTINGS_MAX_HEADER_LIST_SIZE). */
export const mostFieldBytes = 16 * 1024;

/** What a reply says of a call, in its first fields or in its last. */
export class ReplyHead implements FieldSink {
  status = '';
  #contentType = '';
  #code: number | null = null;
  #message = '';
  #bytes = 0;

  onField(line: Buffer, at: number, nameLength: number, valueLength: number): void {
    this.#bytes += nameLength + valueLength + lineOverhead;
    if (this.#bytes > mostFieldBytes) return;
    const valueAt = at + nameLength + separatorLength;
    const value = () => line.toString('latin1', valueAt, valueAt + valueLength);
    switch (line.toString('latin1', at, at + nameLength)) {
      case ':status':
        this.status = value();
        break;
      case 'content-type':
        this.#contentType = value();
        break;
      case 'grpc-status':
        this.#code = /^\d{1,2}$/.test(value()) ? Number(value()) : Status.unknown;
        break;
      case 'grpc-message':
        this.#message = decodeMessage(value());
    }
  }

  get isInterim(): boolean {
    return this.status.startsWith('1');
  }

  /** Null when messages of gRPC follow the head; what came in place of them may be a status, too. */
  get refusal(): CallError | null {
    if (this.status === '200' && /^application\/grpc($|[+;])/.test(this.#contentType)) return null;
    if (this.#code !== null) return this.ending;
    return new CallError(codes[this.status] ?? Status.unknown, `the peer answered with HTTP status ${this.status}`);
  }

  /** How the call ended, of which these are the last fields; null when it ended well. */
  get ending(): CallError | null {
    if (this.#code === Status.ok) return null;
    if (this.#code === null) return new CallError(Status.unknown, 'the call ended without a status');
    return new CallError(this.#code, this.#message);
  }
}

/** What a status of HTTP means where there is none of gRPC ("HTTP to gRPC status code mapping"). */
const codes: Readonly<Record<string, number>> = {
  '400': Status.internal,
  '401': Status.unauthenticated,
  '403': Status.permissionDenied,
  '404': Status.unimplemented,
  '429': Status.unavailable,
  '502': Status.unavailable,
  '503': Status.unavailable,
  '504': Status.unavailable,
};

/** What it means for a call that its stream was reset ("Errors" of gRPC over HTTP/2). */
export function resetError(code: number): CallError {
  const text = `the peer reset the stream with code ${code}`;
  if (code === H2Code.refusedStream) return new CallError(Status.unavailable, text);
  if (code === H2Code.cancel) return new CallError(Status.cancelled, text);
  if (code === H2Code.enhanceYourCalm) return new CallError(Status.resourceExhausted, text);
  return new CallError(Status.internal, text);
}

/** What is no right encoding stays as it came. */
function decodeMessage(text: string): string {
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

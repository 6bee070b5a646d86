import { defaultWindow, Flag, FrameType, H2Code, mostWindow } from '../http2/frame.ts';
import { FrameReader } from '../http2/frame-reader.ts';
import { HeaderBlock } from '../http2/header-block.ts';
import { HpackDecoder } from '../http2/hpack/decoder.ts';
import { uint32 } from './frame-bytes.ts';

/** A call, as its connection sees it. */
type FramedCall = {
  /** Bytes that may be sent on its stream. */
  sendWindow: number;
  /** Bytes that came and were not given back to its window yet. */
  unreturned: number;
};

export type FramedOptions = {
  /** Of a block of fields, beyond which the connection fails. */
  readonly mostBlockBytes: number;
  /** What came is given back to the windows in portions of this. */
  readonly returnedBytes: number;
};

const tableBytes = 4_096;

/** What both sides of a connection of HTTP/2 do alike: blocks of fields out of their frames, and windows. */
export abstract class FramedConnection<Call extends FramedCall> {
  protected readonly calls = new Map<number, Call>();
  protected readonly reader = new FrameReader();
  protected readonly decoder = new HpackDecoder(tableBytes, () => 0);
  protected readonly block: HeaderBlock;
  protected sendWindow = defaultWindow;
  /** Window that the peer gives a new stream. */
  protected firstWindow = defaultWindow;
  readonly #returnedBytes: number;
  #unreturned = 0;

  constructor({ mostBlockBytes, returnedBytes }: FramedOptions) {
    this.block = new HeaderBlock(mostBlockBytes);
    this.#returnedBytes = returnedBytes;
  }

  protected abstract writeFrame(type: number, flags: number, stream: number, payload: Buffer): void;
  /** Ends the connection for what the peer did; returns false, for whoever has to stop reading. */
  protected abstract fail(code: H2Code): false;
  /** A block of fields is whole; returns false when nothing more is to be read. */
  protected abstract onHeaders(stream: number, isEnd: boolean, bytes: Buffer, from: number, to: number): boolean;

  protected onHeadersFrame(flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    const padding = (flags & Flag.padded) === 0 ? 0 : from < to ? bytes[from++]! : -1;
    if ((flags & Flag.priority) !== 0) from += 5;
    if (padding === -1 || from > to - padding) return this.fail(H2Code.protocolError);
    const isEnd = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) return this.onHeaders(stream, isEnd, bytes, from, to - padding);
    return this.block.open(stream, isEnd, bytes, from, to - padding) || this.fail(H2Code.enhanceYourCalm);
  }

  protected onContinuation(flags: number, bytes: Buffer, from: number, to: number): boolean {
    const { block } = this;
    if (!block.isOpen) return this.fail(H2Code.protocolError);
    if (!block.add(bytes, from, to)) return this.fail(H2Code.enhanceYourCalm);
    if ((flags & Flag.endHeaders) === 0) return true;
    const whole = block.close();
    return this.onHeaders(block.stream, block.isEnd, whole, 0, whole.length);
  }

  /** Holds for streams that are open, too, whose windows may fall below 0 (RFC 9113 §6.9.2). */
  protected setFirstWindow(size: number): boolean {
    const change = size - this.firstWindow;
    this.firstWindow = size;
    for (const call of this.calls.values()) call.sendWindow += change;
    return size <= mostWindow && [...this.calls.values()].every((call) => call.sendWindow <= mostWindow);
  }

  /** Counts data that came, for a call or for none, and gives room back; returns how much of it to the connection. */
  protected countData(stream: number, size: number, call: Call | null): number {
    let returned = 0;
    this.#unreturned += size;
    if (this.#unreturned >= this.#returnedBytes) {
      returned = this.#unreturned;
      this.#unreturned = 0;
      this.writeFrame(FrameType.windowUpdate, 0, 0, uint32(returned));
    }
    if (call === null) return returned;
    call.unreturned += size;
    if (call.unreturned >= this.#returnedBytes) {
      this.writeFrame(FrameType.windowUpdate, 0, stream, uint32(call.unreturned));
      call.unreturned = 0;
    }
    return returned;
  }
}

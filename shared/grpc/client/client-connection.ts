import type { Socket } from 'node:net';
import {
  defaultWindow,
  Flag,
  FrameType,
  H2Code,
  mostWindow,
  preface,
  Setting,
  uint31At,
  uint32At,
} from '../../http2/frame.ts';
import type { FrameSink } from '../../http2/frame-reader.ts';
import { frameHead, settingsPayload, uint32 } from '../frame-bytes.ts';
import { FramedConnection } from '../framed-connection.ts';
import { literalField } from '../literal-field.ts';
import { CallError, Status } from '../status.ts';
import { type Carrier, ClientCall, type Method } from './client-call.ts';
import { mostFieldBytes, ReplyHead, resetError } from './reply-head.ts';

// biome-ignore lint/suspicious/noExplicitAny: each has messages of its own type
type AnyCall = ClientCall<any, any>;

/** For a call and for all of them: what a control plane may send before it hears of us again. */
const receiveWindow = 1024 * 1024;
/** What came is given back to the windows in portions of this. */
const returnedBytes = 256 * 1024;

const pingPayload = Buffer.alloc(8);
const none = Buffer.alloc(0);

/** `:method: POST` and `:scheme: http` of the static table (RFC 7541 appendix A); both schemes mean the same to gRPC. */
const firstFields = Buffer.of(0x83, 0x86);
const lastFields = Buffer.concat([literalField('te', 'trailers'), literalField('content-type', 'application/grpc')]);

/** One connection of HTTP/2 that carries calls of gRPC (RFC 9113), on the side of the client. */
export class ClientConnection extends FramedConnection<AnyCall> implements FrameSink, Carrier {
  readonly #socket: Socket;
  readonly #authority: string;
  /** Sweeps since something came. */
  #quietSweeps = 0;
  /** The peer broke the protocol: nothing of what it says counts any more. */
  #isFailed = false;
  /** No more calls can begin here. */
  isLeaving = false;
  #nextId = 1;
  #mostCalls = Number.POSITIVE_INFINITY;
  #dataCall: AnyCall | null = null;
  /** Why it ended, for the calls that it takes along. */
  #why = 'the connection was closed';

  /** The socket may still be connecting. */
  constructor(socket: Socket, authority: string) {
    super({ mostBlockBytes: 2 * mostFieldBytes, returnedBytes });
    this.#socket = socket;
    this.#authority = authority;
    socket.write(preface);
    this.writeFrame(
      FrameType.settings,
      0,
      0,
      settingsPayload([
        [Setting.enablePush, 0],
        [Setting.initialWindowSize, receiveWindow],
        [Setting.maxHeaderListSize, mostFieldBytes],
      ]),
    );
    this.writeFrame(FrameType.windowUpdate, 0, 0, uint32(receiveWindow - defaultWindow));
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('drain', () => this.#pump());
    socket.on('error', (error) => (this.#why = error.message)); // 'close' follows
    socket.once('close', () => this.#onClosed());
  }

  /** Begins a call, whose fields these are beside those that all have. */
  open<Request, Reply>(
    method: Method<Request, Reply>,
    fields: readonly (readonly [name: string, value: string])[],
  ): ClientCall<Request, Reply> {
    if (this.calls.size >= this.#mostCalls) {
      const refused = new ClientCall(this, 0, method, 0); // without a window it writes nothing
      process.nextTick(() => refused.onEnd(new CallError(Status.unavailable, 'the peer takes no more calls at once')));
      return refused;
    }
    const id = this.#nextId;
    this.#nextId += 2;
    const call = new ClientCall(this, id, method, this.firstWindow);
    this.calls.set(id, call);
    const own = fields.map(([name, value]) => literalField(name, value));
    const place = [literalField(':path', method.path), literalField(':authority', this.#authority)];
    const block = Buffer.concat([firstFields, ...place, lastFields, ...own]);
    this.writeFrame(FrameType.headers, Flag.endHeaders, id, block);
    return call;
  }

  /**
   * To be called every 5 s: a peer that was silent twice is asked for a sign of life, after another time it is gone. Counted
   * so, neither a clock that jumps nor a process that was stopped takes anybody for gone.
   */
  sweep(): void {
    this.#quietSweeps++;
    if (this.#quietSweeps === 2) this.writeFrame(FrameType.ping, 0, 0, pingPayload);
    if (this.#quietSweeps < 3) return;
    this.#why = 'the peer was silent for too long';
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // --- what calls write ---------------------------------------------------------------------------------------------

  get room(): number {
    return this.#socket.writableNeedDrain ? 0 : this.sendWindow;
  }

  sendData(id: number, bytes: Buffer, isLast: boolean): void {
    this.sendWindow -= bytes.length;
    this.writeFrame(FrameType.data, isLast ? Flag.endStream : 0, id, bytes);
  }

  cancel(id: number): void {
    if (!this.calls.delete(id)) return;
    this.writeFrame(FrameType.rstStream, 0, id, uint32(H2Code.cancel));
    this.#endIfDone();
  }

  #pump(): void {
    for (const call of this.calls.values()) call.pump();
  }

  protected writeFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    this.#socket.write(Buffer.concat([frameHead(type, flags, stream, payload.length), payload]));
  }

  // --- what the peer says -------------------------------------------------------------------------------------------

  #onBytes(bytes: Buffer): void {
    if (this.#socket.destroyed || this.#isFailed) return;
    this.#quietSweeps = 0;
    this.#socket.cork();
    const code = this.reader.read(bytes, bytes.length, this);
    if (code !== H2Code.noError) this.fail(code);
    this.#socket.uncork();
  }

  onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (this.block.isOpen && (type !== FrameType.continuation || stream !== this.block.stream))
      return this.fail(H2Code.protocolError);
    switch (type) {
      case FrameType.headers:
        return this.onHeadersFrame(flags, stream, bytes, from, to);
      case FrameType.continuation:
        return this.onContinuation(flags, bytes, from, to);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(stream, bytes, from, to);
      case FrameType.rstStream:
        if (to - from !== 4) return this.fail(H2Code.frameSizeError);
        this.#end(stream, resetError(uint32At(bytes, from)));
        return true;
      case FrameType.settings:
        return this.#onSettings(flags, bytes, from, to);
      case FrameType.ping:
        if (to - from !== 8) return this.fail(H2Code.frameSizeError);
        if ((flags & Flag.ack) === 0)
          this.writeFrame(FrameType.ping, Flag.ack, 0, Buffer.from(bytes.subarray(from, to)));
        return true;
      case FrameType.goaway:
        return this.#onGoAway(bytes, from, to);
      case FrameType.pushPromise:
        return this.fail(H2Code.protocolError);
      default:
        return true;
    }
  }

  protected onHeaders(stream: number, isEnd: boolean, bytes: Buffer, from: number, to: number): boolean {
    const head = new ReplyHead();
    if (this.decoder.decode(bytes, from, to, head) !== null) return this.fail(H2Code.compressionError);
    const call = this.calls.get(stream);
    if (!call || (head.isInterim && !isEnd)) return true;
    const refusal = call.hasHead ? null : head.refusal;
    call.hasHead = true;
    if (refusal === null && !isEnd) return true;
    if (!isEnd) this.cancel(stream);
    this.#end(stream, refusal ?? head.ending, call);
    return true;
  }

  #onWindowUpdate(stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (to - from !== 4) return this.fail(H2Code.frameSizeError);
    const size = uint31At(bytes, from);
    if (stream === 0) {
      this.sendWindow += size;
      if (size === 0 || this.sendWindow > mostWindow) return this.fail(H2Code.flowControlError);
      this.#pump();
      return true;
    }
    const call = this.calls.get(stream);
    if (!call) return true;
    call.sendWindow += size;
    if (size === 0 || call.sendWindow > mostWindow) return this.fail(H2Code.flowControlError);
    call.pump();
    return true;
  }

  #onSettings(flags: number, bytes: Buffer, from: number, to: number): boolean {
    if ((flags & Flag.ack) !== 0) {
      this.decoder.acknowledged();
      return true;
    }
    if ((to - from) % 6 !== 0) return this.fail(H2Code.frameSizeError);
    for (let at = from; at < to; at += 6) {
      const setting = bytes.readUInt16BE(at);
      const value = uint32At(bytes, at + 2);
      if (setting === Setting.maxConcurrentStreams) this.#mostCalls = value;
      if (setting === Setting.initialWindowSize && !this.setFirstWindow(value))
        return this.fail(H2Code.flowControlError);
    }
    this.writeFrame(FrameType.settings, Flag.ack, 0, none);
    this.#pump();
    return true;
  }

  /** Calls that the peer has taken go on; the others may be made again elsewhere (RFC 9113 §6.8). */
  #onGoAway(bytes: Buffer, from: number, to: number): boolean {
    if (to - from < 8) return this.fail(H2Code.frameSizeError);
    const last = uint31At(bytes, from);
    this.isLeaving = true;
    for (const [id, call] of this.calls)
      if (id > last) this.#end(id, new CallError(Status.unavailable, 'the peer is leaving'), call);
    this.#endIfDone();
    return true;
  }

  onDataFrame(_flags: number, stream: number, size: number): boolean {
    if (this.block.isOpen || stream === 0) return this.fail(H2Code.protocolError);
    const call = this.calls.get(stream) ?? null;
    this.#dataCall = call;
    this.countData(stream, size, call);
    return true;
  }

  onData(bytes: Buffer, from: number, to: number): boolean {
    this.#dataCall?.onData(bytes, from, to);
    return !this.#socket.destroyed;
  }

  onDataEnd(flags: number): boolean {
    const call = this.#dataCall;
    if (call !== null && (flags & Flag.endStream) !== 0) this.#end(call.id, new ReplyHead().ending, call);
    return !this.#socket.destroyed;
  }

  // --- endings ------------------------------------------------------------------------------------------------------

  #end(id: number, error: CallError | null, call = this.calls.get(id)): void {
    this.calls.delete(id);
    call?.onEnd(error);
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.isLeaving && this.calls.size === 0) this.#socket.end();
  }

  protected fail(code: H2Code): false {
    if (this.#isFailed) return false;
    this.#isFailed = true;
    this.isLeaving = true;
    this.#why = `the peer broke HTTP/2 (code ${code})`;
    this.writeFrame(FrameType.goaway, 0, 0, Buffer.concat([uint32(0), uint32(code)]));
    this.#socket.destroySoon();
    return false;
  }

  #onClosed(): void {
    this.isLeaving = true;
    const calls = [...this.calls.values()];
    this.calls.clear();
    for (const call of calls) call.onEnd(new CallError(Status.unavailable, this.#why));
  }
}

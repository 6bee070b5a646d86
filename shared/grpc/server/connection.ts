import { Budget } from '../../http2/budget.ts';
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
import type { Peer } from '../../transport/peer.ts';
import type { Transport, TransportOwner } from '../../transport/transport.ts';
import { frameHead, settingsPayload, uint32 } from '../frame-bytes.ts';
import { FramedConnection } from '../framed-connection.ts';
import { grpc } from '../grpc.ts';
import { httpStatusFields, replyFields, statusFields } from './reply-fields.ts';
import { mostFieldBytes, RequestHead } from './request-head.ts';
import { type Carrier, type Method, ServerCall } from './server-call.ts';

export type ConnectionLimits = {
  /** Calls at once. */
  readonly mostCalls: number;
  /** Longest message that is taken. */
  readonly mostMessageBytes: number;
};

/** What came is given back to the windows in portions of this. */
const returnedBytes = 16 * 1024;
/** Frames that ask for something and bring nothing, and calls that end before their time: so many at once, and each second. */
const mostIdleFrames = 2_000;
const idleFramesPerSecond = 200;
/** What a frame of data that we send gives back: the peer answers it with updates of its windows. */
const earnedByData = 2;
const mostResets = 200;
const resetsPerSecond = 20;

/** So much is put together for one write, and may wait for a peer that does not read. */
const gatheredBytes = 64 * 1024;

/** Characters of what a caller asked for that a refusal repeats. */
const mostEchoed = 100;

const pingPayload = Buffer.alloc(8);
const nothing = () => undefined;

/** One connection of HTTP/2 that carries calls of gRPC (RFC 9113), on the side of the server. */
export class Connection extends FramedConnection<ServerCall<unknown>> implements FrameSink, Carrier, TransportOwner {
  readonly bufferBytes = gatheredBytes;
  readonly peer: Peer;
  /** Sweeps of the server since something came. */
  quietSweeps = 0;
  readonly #transport: Transport;
  readonly #onGone: (connection: Connection) => void;
  readonly #methods: ReadonlyMap<string, Method<unknown>>;
  readonly #limits: ConnectionLimits;
  readonly #now: () => number;
  readonly #idleFrames = new Budget(mostIdleFrames, idleFramesPerSecond);
  readonly #resets = new Budget(mostResets, resetsPerSecond);
  #prefaceLeft = preface.length;
  #hasSettings = false;
  #lastCall = 0;
  #isLeaving = false;
  #isFailed = false;
  #isClosed = false;
  /** What is written while this is not 0 waits, to leave in one write. */
  #corks = 0;
  readonly #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  /** All that was given to the transport. */
  #writtenBytes = 0;
  #receiveWindow = defaultWindow;
  #dataCall: ServerCall<unknown> | null = null;

  /** `onGone` is called once, when the connection is closed. */
  constructor(
    transport: Transport,
    peer: Peer,
    methods: ReadonlyMap<string, Method<unknown>>,
    limits: ConnectionLimits,
    now: () => number,
    onGone: (connection: Connection) => void,
  ) {
    super({ mostBlockBytes: 2 * mostFieldBytes, returnedBytes }); // what is a little too large can be refused by itself
    this.#transport = transport;
    this.peer = peer;
    this.#onGone = onGone;
    this.#methods = methods;
    this.#limits = limits;
    this.#now = now;
    transport.start(this);
    this.writeFrame(
      FrameType.settings,
      0,
      0,
      settingsPayload([
        [Setting.maxConcurrentStreams, limits.mostCalls],
        [Setting.maxHeaderListSize, mostFieldBytes],
      ]),
    );
  }

  /** Asks the peer for a sign of life. */
  ping(): void {
    this.writeFrame(FrameType.ping, 0, 0, pingPayload);
  }

  /** Takes no more calls, and ends when the last one has. */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#goAway(H2Code.noError);
    if (this.calls.size === 0) this.#end();
  }

  destroy(): void {
    this.#transport.destroy();
    this.onClosed();
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  cutUnlessSent(bytes: number): void {
    if (this.#writtenBytes - this.#transport.unsentBytes < bytes) this.destroy();
  }

  // --- what calls write ---------------------------------------------------------------------------------------------

  /** None while the peer does not even take what was written: it costs no more than that and the messages on their way. */
  get room(): number {
    return this.#transport.isBlocked ? 0 : this.sendWindow;
  }

  cork(): void {
    this.#corks++;
  }

  uncork(): void {
    this.#corks--;
    if (this.#corks === 0) this.#flush();
  }

  writeData(size: number, pieces: readonly Buffer[]): void {
    this.sendWindow -= size;
    this.#idleFrames.earn(earnedByData);
    for (const piece of pieces) this.#write(piece);
  }

  writeHead(id: number): void {
    this.writeFrame(FrameType.headers, Flag.endHeaders, id, replyFields);
  }

  finish(
    { id, hasHead, hasEnded }: Pick<ServerCall<unknown>, 'id' | 'hasHead' | 'hasEnded'>,
    status: number,
    text: string,
  ): void {
    const fields = statusFields(status, text);
    this.#endStream(id, hasEnded, hasHead ? fields : Buffer.concat([replyFields, fields]));
    this.calls.delete(id);
    if (this.#isLeaving && this.calls.size === 0) this.#end();
  }

  /** Ends a stream from our side; a caller that is not done need not go on (RFC 9113 §8.1). */
  #endStream(id: number, hasEnded: boolean, fields: Buffer): void {
    this.writeFrame(FrameType.headers, Flag.endHeaders | Flag.endStream, id, fields);
    if (!hasEnded) this.#resetStream(id, H2Code.noError);
  }

  #pump(): void {
    this.cork();
    for (const call of this.calls.values()) call.pump();
    this.uncork();
  }

  protected writeFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    this.#write(Buffer.concat([frameHead(type, flags, stream, payload.length), payload]));
  }

  /** The transport may keep what it is given, so nobody may change it. */
  #write(bytes: Buffer): void {
    if (this.#corks === 0) return this.#send(bytes);
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= gatheredBytes) this.#flush();
  }

  #flush(): void {
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#send(gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered, this.#gatheredBytes));
    gathered.length = 0;
    this.#gatheredBytes = 0;
  }

  #send(bytes: Buffer): void {
    this.#writtenBytes += bytes.length;
    this.#transport.write(bytes);
  }

  /** Ends our side behind what was written; the connection is closed when the peer has ended, too. */
  #end(onSent: () => void = nothing): void {
    this.#flush();
    this.#transport.end(onSent);
  }

  #resetStream(id: number, code: H2Code): void {
    this.writeFrame(FrameType.rstStream, 0, id, uint32(code));
  }

  #goAway(code: H2Code): void {
    this.writeFrame(FrameType.goaway, 0, 0, Buffer.concat([uint32(this.#lastCall), uint32(code)]));
  }

  // --- what the peer says -------------------------------------------------------------------------------------------

  onRead(size: number): boolean {
    if (this.#isFailed) return true;
    this.quietSweeps = 0;
    const bytes = this.#transport.memory;
    const at = this.#prefaceLeft === 0 ? 0 : this.#readPreface(bytes, size);
    if (at === -1) this.destroy();
    else this.#readFrames(at === 0 ? bytes : bytes.subarray(at), size - at);
    return !this.#isClosed && !this.#transport.isBlocked; // who does not read our answers may ask for no more
  }

  /** Answers to one read leave in one write. */
  #readFrames(bytes: Buffer, size: number): void {
    this.cork();
    const code = this.reader.read(bytes, size, this);
    if (code !== H2Code.noError) this.fail(code);
    this.uncork();
  }

  onEnd(): void {
    this.#end();
  }

  onDrain(): void {
    this.quietSweeps = 0;
    this.#pump();
    if (!this.#transport.isBlocked) this.#transport.resume();
  }

  onClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const calls = [...this.calls.values()];
    this.calls.clear();
    for (const call of calls) call.onCancel();
    this.#onGone(this);
  }

  /** Returns where the first frame begins, -1 when this is no HTTP/2. */
  #readPreface(bytes: Buffer, most: number): number {
    const size = Math.min(this.#prefaceLeft, most);
    const from = preface.length - this.#prefaceLeft;
    if (bytes.compare(preface, from, from + size, 0, size) !== 0) return -1;
    this.#prefaceLeft -= size;
    return size;
  }

  onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (this.block.isOpen && (type !== FrameType.continuation || stream !== this.block.stream))
      return this.fail(H2Code.protocolError);
    if (!this.#hasSettings && type !== FrameType.settings) return this.fail(H2Code.protocolError); // RFC 9113 §3.4
    switch (type) {
      case FrameType.headers:
        return this.onHeadersFrame(flags, stream, bytes, from, to);
      case FrameType.continuation:
        return this.onContinuation(flags, bytes, from, to);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(stream, bytes, from, to);
      case FrameType.rstStream:
        return this.#onReset(stream, from, to);
      case FrameType.settings:
        return this.#onSettings(flags, stream, bytes, from, to);
      case FrameType.ping:
        if (stream !== 0) return this.fail(H2Code.protocolError);
        if (to - from !== 8) return this.fail(H2Code.frameSizeError);
        if ((flags & Flag.ack) !== 0) return true;
        if (!this.#spend()) return false;
        this.writeFrame(FrameType.ping, Flag.ack, 0, Buffer.from(bytes.subarray(from, to)));
        return true;
      case FrameType.pushPromise:
        return this.fail(H2Code.protocolError);
      default: // GOAWAY, PRIORITY and unknown ones say nothing that a server needs
        return this.#spend();
    }
  }

  protected override onHeadersFrame(flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (stream % 2 === 0) return this.fail(H2Code.protocolError);
    return super.onHeadersFrame(flags, stream, bytes, from, to);
  }

  protected onHeaders(stream: number, isEnd: boolean, bytes: Buffer, from: number, to: number): boolean {
    const head = new RequestHead();
    if (this.decoder.decode(bytes, from, to, head) !== null) return this.fail(H2Code.compressionError);
    const call = this.calls.get(stream);
    if (call) {
      if (isEnd) call.onEnd();
      return isEnd || this.fail(H2Code.protocolError); // fields behind data are trailers
    }
    if (stream <= this.#lastCall) return this.#spend(); // of a stream that is over
    this.#lastCall = stream;
    this.#open(stream, isEnd, head);
    return this.calls.has(stream) || this.#spend(); // one that was refused costs its caller as much as any idle frame
  }

  #open(stream: number, isEnd: boolean, head: RequestHead): void {
    if (this.#isLeaving || this.calls.size >= this.#limits.mostCalls)
      return this.#resetStream(stream, H2Code.refusedStream);
    if (head.isTooLarge) return this.#endStream(stream, isEnd, httpStatusFields(431));
    if (!/^application\/grpc($|[+;])/.test(head.contentType))
      return this.#endStream(stream, isEnd, httpStatusFields(415));
    if (head.method !== 'POST') return this.#endStream(stream, isEnd, httpStatusFields(405));
    const method = this.#methods.get(head.path);
    if (!method) {
      const refused = { id: stream, hasHead: false, hasEnded: isEnd };
      return this.finish(refused, grpc.status.UNIMPLEMENTED, `there is no method ${head.path.slice(0, mostEchoed)}`);
    }
    const call = new ServerCall(this, stream, method, head, {
      sendWindow: this.firstWindow,
      mostBytes: this.#limits.mostMessageBytes,
    });
    this.calls.set(stream, call);
    call.start();
    if (isEnd) call.onEnd();
  }

  #onWindowUpdate(stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (to - from !== 4) return this.fail(H2Code.frameSizeError);
    if (!this.#spend()) return false;
    const size = uint31At(bytes, from);
    if (stream === 0) {
      this.sendWindow += size;
      if (size === 0 || this.sendWindow > mostWindow) return this.fail(H2Code.flowControlError);
      this.#pump();
      return true;
    }
    if (stream > this.#lastCall) return this.fail(H2Code.protocolError);
    const call = this.calls.get(stream);
    if (!call) return true;
    call.sendWindow += size;
    if (size === 0 || call.sendWindow > mostWindow) return this.#drop(call, H2Code.flowControlError);
    call.pump();
    return true;
  }

  #onReset(stream: number, from: number, to: number): boolean {
    if (to - from !== 4) return this.fail(H2Code.frameSizeError);
    if (stream === 0 || stream > this.#lastCall) return this.fail(H2Code.protocolError);
    const call = this.calls.get(stream);
    if (!call) return this.#spend();
    this.#forget(call);
    return this.#resets.spend(1, this.#now()) || this.fail(H2Code.enhanceYourCalm);
  }

  #onSettings(flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (stream !== 0) return this.fail(H2Code.protocolError);
    if ((flags & Flag.ack) !== 0) {
      if (!this.#hasSettings) return this.fail(H2Code.protocolError);
      this.decoder.acknowledged();
      return true;
    }
    if ((to - from) % 6 !== 0) return this.fail(H2Code.frameSizeError);
    if (!this.#spend()) return false;
    this.#hasSettings = true;
    for (let at = from; at < to; at += 6)
      if (bytes.readUInt16BE(at) === Setting.initialWindowSize && !this.setFirstWindow(uint32At(bytes, at + 2)))
        return this.fail(H2Code.flowControlError);
    this.writeFrame(FrameType.settings, Flag.ack, 0, Buffer.alloc(0));
    this.#pump();
    return true;
  }

  onDataFrame(_flags: number, stream: number, size: number, bytes: number): boolean {
    if (!this.#hasSettings || this.block.isOpen) return this.fail(H2Code.protocolError);
    if (stream === 0 || stream > this.#lastCall) return this.fail(H2Code.protocolError);
    this.#receiveWindow -= size;
    if (this.#receiveWindow < 0) return this.fail(H2Code.flowControlError);
    if (bytes === 0 && !this.#spend()) return false;
    const call = this.calls.get(stream) ?? null;
    this.#dataCall = call;
    this.#receiveWindow += this.countData(stream, size, call);
    return true;
  }

  onData(bytes: Buffer, from: number, to: number): boolean {
    this.#dataCall?.onData(bytes, from, to);
    return !this.#isClosed;
  }

  onDataEnd(flags: number): boolean {
    if ((flags & Flag.endStream) !== 0) this.#dataCall?.onEnd();
    return !this.#isClosed;
  }

  // --- what goes wrong ----------------------------------------------------------------------------------------------

  /** False when the peer has asked for too much that brings nothing. */
  #spend(): boolean {
    return this.#idleFrames.spend(1, this.#now()) || this.fail(H2Code.enhanceYourCalm);
  }

  #drop(call: ServerCall<unknown>, code: H2Code): boolean {
    this.#resetStream(call.id, code);
    this.#forget(call);
    return true;
  }

  #forget(call: ServerCall<unknown>): void {
    this.calls.delete(call.id);
    call.onCancel();
  }

  protected fail(code: H2Code): false {
    this.#isFailed = true;
    this.#goAway(code);
    this.#end(() => this.destroy());
    return false;
  }
}

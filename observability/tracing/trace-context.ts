/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/) on bytes: a traceparent is 55 characters at fixed places,
 * `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`, so it is read and rewritten in place.
 */
export const traceparentLength = 55;
const traceAt = 3;
const spanAt = 36;
const flagsAt = 53;
const ZERO = 48;
const DASH = 45;

const isLowerHex = new Uint8Array(256);
const hexDigits = Buffer.from('0123456789abcdef', 'latin1');
for (const digit of hexDigits) isLowerHex[digit] = 1;
const highDigit = Uint8Array.from({ length: 256 }, (_, byte) => hexDigits[byte >>> 4]!);
const lowDigit = Uint8Array.from({ length: 256 }, (_, byte) => hexDigits[byte & 15]!);
const hexOf = new Uint8Array(256);
for (const digit of hexDigits) hexOf[digit] = digit;
for (const digit of Buffer.from('ABCDEF', 'latin1')) hexOf[digit] = digit + 32;

const digitValue = Uint8Array.from({ length: 256 }, (_, byte) => Math.max(0, hexDigits.indexOf(byte)));

/**
 * xorshift128 (Marsaglia 2003): ids need to be spread, not secret. V8 seeds Math.random of each thread from the system's
 * entropy; node:crypto would cost every worker 5 MB.
 */
const state = Uint32Array.from({ length: 4 }, () => Math.floor(Math.random() * 4_294_967_296));
state[0]! |= 1;
export function randomUint32(): number {
  let t = state[0]!;
  t ^= t << 11;
  t ^= t >>> 8;
  state[0] = state[1]!;
  state[1] = state[2]!;
  state[2] = state[3]!;
  const last = state[3]!;
  state[3] = last ^ (last >>> 19) ^ t;
  return state[3]!;
}

/** A byte at a time instead of a digit: 84 instead of 190 ns for the ids of a trace. */
function writeRandomHex(bytes: Uint8Array, at: number, words: number): void {
  for (let word = 0; word < words; word++) {
    let value = randomUint32();
    for (let i = 0; i < 4; i++) {
      const byte = value & 255;
      bytes[at++] = highDigit[byte]!;
      bytes[at++] = lowDigit[byte]!;
      value >>>= 8;
    }
  }
}

/** The trace that one request belongs to; reused from request to request. */
export class TraceContext {
  /** The traceparent as it is sent on; the span id in it is that of the current span. */
  readonly bytes = Buffer.alloc(traceparentLength, '00-', 'latin1');
  /** Span id of the caller, 16 hex bytes. */
  readonly parent = Buffer.alloc(16);
  hasParent = false;
  isSampled = false;
  /** The caller spoke B3, so the next hop hears it too. */
  isB3 = false;

  /** Takes over a caller's traceparent; false when it is not valid and has to be ignored. */
  accept(source: Uint8Array, from: number, to: number): boolean {
    const length = to - from;
    if (
      length < traceparentLength ||
      source[from + 2] !== DASH ||
      source[from + 35] !== DASH ||
      source[from + 52] !== DASH
    )
      return false;
    // Version ff is not allowed; a later version may have more fields behind another dash.
    const isVersion0 = source[from] === ZERO && source[from + 1] === ZERO;
    if (isVersion0 ? length !== traceparentLength : length > traceparentLength && source[from + 55] !== DASH)
      return false;
    if (source[from] === 102 && source[from + 1] === 102) return false;
    if (!isHexRun(source, from, 2) || !isHexRun(source, from + flagsAt, 2)) return false;
    if (!isId(source, from + traceAt, 32) || !isId(source, from + spanAt, 16)) return false;
    for (let i = traceAt; i < traceparentLength; i++) this.bytes[i] = source[from + i]!;
    this.bytes[0] = this.bytes[1] = ZERO;
    for (let i = 0; i < 16; i++) this.parent[i] = source[from + spanAt + i]!;
    this.hasParent = true;
    this.isB3 = false;
    this.#setSampled((hexDigits.indexOf(source[from + flagsAt + 1]!) & 1) === 1);
    return true;
  }

  /** Becomes the same as another one. */
  copyFrom(trace: TraceContext): void {
    this.bytes.set(trace.bytes);
    this.parent.set(trace.parent);
    this.hasParent = trace.hasParent;
    this.isSampled = trace.isSampled;
    this.isB3 = trace.isB3;
  }

  /** Takes over B3 ids (https://github.com/openzipkin/b3-propagation); false when they are not valid. */
  acceptB3(traceId: string, spanId: string, sampled: boolean): boolean {
    const trace = Buffer.from(traceId.padStart(32, '0'), 'latin1');
    const span = Buffer.from(spanId, 'latin1');
    if (trace.length !== 32 || span.length !== 16) return false;
    for (let i = 0; i < 32; i++) trace[i] = hexOf[trace[i]!]!;
    for (let i = 0; i < 16; i++) span[i] = hexOf[span[i]!]!;
    if (!isId(trace, 0, 32) || !isId(span, 0, 16)) return false;
    this.bytes.set(trace, traceAt);
    this.bytes[35] = DASH;
    this.bytes.set(span, spanAt);
    this.bytes[52] = DASH;
    this.parent.set(span);
    this.hasParent = true;
    this.isB3 = true;
    this.#setSampled(sampled);
    return true;
  }

  /** Begins a trace of our own. */
  begin(sampled: boolean): void {
    writeRandomHex(this.bytes, traceAt, 4);
    this.bytes[35] = DASH;
    this.bytes[52] = DASH;
    this.hasParent = false;
    this.isB3 = false;
    this.newSpan();
    this.#setSampled(sampled);
  }

  /** Puts a fresh span id into the traceparent. */
  newSpan(): void {
    writeRandomHex(this.bytes, spanAt, 2);
    this.bytes[spanAt] = hexDigits[1 + (randomUint32() % 15)]!; // never all zero
  }

  get traceId(): string {
    return this.bytes.toString('latin1', traceAt, traceAt + 32);
  }

  /** The last 48 bits of the trace id: those that are random even where an id of 64 bits was padded. */
  get number(): number {
    let number = 0;
    for (let i = traceAt + 20; i < traceAt + 32; i++) number = number * 16 + digitValue[this.bytes[i]!]!;
    return number;
  }

  get spanId(): string {
    return this.bytes.toString('latin1', spanAt, spanAt + 16);
  }

  get parentId(): string {
    return this.hasParent ? this.parent.toString('latin1') : '';
  }

  /** `b3` in its single-field form, for a next hop whose caller spoke it. */
  get b3(): string {
    return `${this.traceId}-${this.spanId}-${this.isSampled ? '1' : '0'}`;
  }

  #setSampled(sampled: boolean): void {
    this.isSampled = sampled;
    this.bytes[flagsAt] = ZERO;
    this.bytes[flagsAt + 1] = sampled ? ZERO + 1 : ZERO;
  }
}

function isHexRun(bytes: Uint8Array, from: number, count: number): boolean {
  for (let i = from; i < from + count; i++) if (isLowerHex[bytes[i]!] === 0) return false;
  return true;
}

/** Lower-case hex, and not all zero. */
function isId(bytes: Uint8Array, from: number, count: number): boolean {
  let isZero = true;
  for (let i = from; i < from + count; i++) {
    if (isLowerHex[bytes[i]!] === 0) return false;
    if (bytes[i] !== ZERO) isZero = false;
  }
  return !isZero;
}

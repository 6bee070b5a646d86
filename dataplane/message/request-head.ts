import { hostOfAuthority } from '../../shared/routing/authority.ts';
import { FieldName } from './field-name.ts';
import { textAt } from './grammar.ts';
import { isGrpcType, webTypeOf } from './grpc-type.ts';
import { guardOf } from './guard.ts';
import { framingFault, Head, HeadVerdict, readFramingField } from './head.ts';

/** Stands for a field that may come once and came more often: none of its values can be trusted. */
const repeatedField = -2;

/** A name of 253 characters (RFC 1035 §3.1), a dot and a port. */
const mostHostBytes = 260;

/** In place of the port of a CONNECT: any instance will do. */
export const anyPort = -1;

/** What a higher Max-Forwards is lowered to (RFC 9110 §7.6.2). */
const mostForwards = 1000;

/** A request's head as a view that routes can ask, whichever protocol it came in. */
export class RequestHead extends Head {
  method = '';
  targetStart = 0;
  targetEnd = 0;
  /** Where the path begins and ends; the query, if any, follows up to targetEnd. */
  pathStart = 0;
  pathEnd = 0;
  /** The target was in absolute form, and its authority stands at hostStart..hostEnd. */
  isAbsolute = false;
  hostField = -1;
  hostStart = 0;
  hostEnd = 0;
  traceparentField = -1;
  b3Field = -1;
  b3TraceIdField = -1;
  b3SpanIdField = -1;
  b3SampledField = -1;
  /** Kinds of guarded fields that are there. */
  guarded = 0;
  /** How often a TRACE or OPTIONS may still be forwarded; -1 without a limit (RFC 9110 §7.6.2). */
  maxForwards = -1;
  /** Whether CONNECT is offered to this caller. */
  takesConnect = false;
  /** `te: trailers`: its sender takes trailers (RFC 9110 §10.1.4). Only HTTP/2 says so to others than the next hop. */
  takesTrailers = false;
  grpcTimeoutField = -1;
  /** Place of what is left of its time, as another proxy says; -1 when none does. */
  deadlineField = -1;
  /** Which try of another proxy's it is, where it is not the first. */
  attemptField = -1;
  /** Content-Type is one of gRPC's (not of gRPC-Web's). */
  isGrpc = false;
  /** Place of the Content-Type of a call of gRPC-Web; -1 for every other request. */
  grpcWebField = -1;
  /** Port that a CONNECT names; 0 for every other method, and `anyPort` for bytes that are no request. */
  connectPort = 0;

  #host = '';
  #hostBytes: Buffer = Buffer.alloc(0);
  #path: string | null = null;
  #query: string | null = null;

  /** Host without port, lower case. Kept over requests: a connection mostly asks for one host. */
  get host(): string {
    return this.#host;
  }

  get path(): string {
    let path = this.#path;
    if (path === null) {
      path = this.pathStart === this.pathEnd ? '/' : textAt(this.bytes, this.pathStart, this.pathEnd);
      this.#path = path;
    }
    return path;
  }

  /** What follows "?"; empty when there is none. */
  get query(): string {
    this.#query ??= textAt(this.bytes, Math.min(this.pathEnd + 1, this.targetEnd), this.targetEnd);
    return this.#query;
  }

  /** Forgets the request before; `bytes` is where the next one stands. */
  override reset(bytes: Buffer, start: number): void {
    super.reset(bytes, start);
    this.method = '';
    this.#path = null;
    this.#query = null;
    this.isAbsolute = false;
    this.hostField = -1;
    this.traceparentField = -1;
    this.b3Field = -1;
    this.b3TraceIdField = -1;
    this.b3SpanIdField = -1;
    this.b3SampledField = -1;
    this.guarded = 0;
    this.maxForwards = -1;
    this.takesTrailers = false;
    this.grpcTimeoutField = -1;
    this.deadlineField = -1;
    this.attemptField = -1;
    this.isGrpc = false;
    this.grpcWebField = -1;
    this.connectPort = 0;
  }

  override copyFrom(head: RequestHead, spareBytes = 0): void {
    super.copyFrom(head, spareBytes);
    this.method = head.method;
    this.targetStart = head.targetStart;
    this.targetEnd = head.targetEnd;
    this.pathStart = head.pathStart;
    this.pathEnd = head.pathEnd;
    this.isAbsolute = head.isAbsolute;
    this.hostField = head.hostField;
    this.hostStart = head.hostStart;
    this.hostEnd = head.hostEnd;
    this.traceparentField = head.traceparentField;
    this.b3Field = head.b3Field;
    this.b3TraceIdField = head.b3TraceIdField;
    this.b3SpanIdField = head.b3SpanIdField;
    this.b3SampledField = head.b3SampledField;
    this.guarded = head.guarded;
    this.maxForwards = head.maxForwards;
    this.takesConnect = head.takesConnect;
    this.takesTrailers = head.takesTrailers;
    this.grpcTimeoutField = head.grpcTimeoutField;
    this.deadlineField = head.deadlineField;
    this.attemptField = head.attemptField;
    this.isGrpc = head.isGrpc;
    this.grpcWebField = head.grpcWebField;
    this.connectPort = head.connectPort;
    this.#host = head.#host;
    this.#hostBytes = head.#hostBytes;
    this.#path = head.#path;
    this.#query = head.#query;
  }

  /** Takes in the fields that say something to a proxy, and what has to hold between them (RFC 9112 §6.1, §6.3). */
  readKnownFields(): HeadVerdict {
    for (let i = 0; i < this.fieldCount; i++) {
      switch (this.names[i]) {
        case FieldName.other:
          break;
        case FieldName.host:
          if (this.hostField !== -1) return this.refuse('bad_request', 'more than one Host');
          this.hostField = i;
          break;
        case FieldName.traceparent:
          this.traceparentField = this.traceparentField === -1 ? i : repeatedField;
          break;
        case FieldName.b3:
          this.b3Field = i;
          break;
        case FieldName.b3TraceId:
          this.b3TraceIdField = i;
          break;
        case FieldName.b3SpanId:
          this.b3SpanIdField = i;
          break;
        case FieldName.b3Sampled:
          this.b3SampledField = i;
          break;
        case FieldName.contentType:
          this.#readContentType(i);
          break;
        case FieldName.grpcTimeout:
          this.grpcTimeoutField = i;
          break;
        case FieldName.meshlaneDeadline:
          this.deadlineField = i;
          break;
        case FieldName.meshlaneAttempt:
          this.attemptField = i;
          break;
        case FieldName.expect:
          if (!this.#expectsContinue(i)) return this.refuse('expectation_failed', 'only 100-continue is known');
          break;
        case FieldName.maxForwards:
          if (!this.#readMaxForwards(i)) return this.refuse('bad_request', 'a Max-Forwards that is not one number');
          break;
        default: {
          this.guarded |= guardOf[this.names[i]!]!;
          const fault = readFramingField(this, i);
          if (fault !== null) return this.refuse('bad_request', fault);
        }
      }
    }
    const fault = framingFault(this);
    if (fault !== null) return this.refuse('bad_request', fault);
    if ((this.isChunked || this.contentLength > 0) && this.method === 'TRACE')
      return this.refuse('bad_request', 'a TRACE with a body'); // RFC 9110 §9.3.8
    return HeadVerdict.whole;
  }

  #readContentType(field: number): void {
    const value = this.valueAt(field);
    this.isGrpc = isGrpcType(value);
    this.grpcWebField = this.method === 'POST' && webTypeOf(value) !== null ? field : -1;
  }

  /** Of what a caller may expect there is one thing only (RFC 9110 §10.1.1), and in HTTP/1.0 nothing, which is ignored. */
  #expectsContinue(field: number): boolean {
    return this.minorVersion === 0 || /^(?:100-continue)?$/i.test(this.valueAt(field));
  }

  /** For other methods it says nothing and travels on as it is. */
  #readMaxForwards(field: number): boolean {
    if (this.method !== 'TRACE' && this.method !== 'OPTIONS') return true;
    const value = this.valueAt(field);
    if (this.maxForwards !== -1 || !/^[0-9]{1,64}$/.test(value)) return false;
    this.maxForwards = Math.min(Number(value), mostForwards);
    return true;
  }

  /** What stands in Host is a host, whether or not the request is meant for it (RFC 9112 §3.2). */
  get hasGoodHostField(): boolean {
    const value = this.valueAt(this.hostField);
    return value.length <= mostHostBytes && hostOfAuthority(value) !== null;
  }

  /** Sets the host from the authority; false when it is not one (RFC 3986 §3.2.2). */
  readHost(): boolean {
    const { bytes, hostStart, hostEnd } = this;
    if (hostEnd - hostStart > mostHostBytes) return false;
    if (hostEnd === hostStart) return this.#hasNoHost();
    if (this.#isSameHost()) return true;
    const host = hostOfAuthority(textAt(bytes, hostStart, hostEnd));
    if (host === null) return false;
    this.#host = host;
    this.#hostBytes = Buffer.from(bytes.subarray(hostStart, hostEnd));
    return true;
  }

  /** HTTP/1.0 may leave Host out. One that is there and empty names nobody (RFC 9110 §4.2.1). */
  #hasNoHost(): boolean {
    this.#host = '';
    this.#hostBytes = Buffer.alloc(0);
    return this.hostField === -1;
  }

  /** The authority is the one of the request before, whose host is still here. */
  #isSameHost(): boolean {
    const known = this.#hostBytes;
    const length = this.hostEnd - this.hostStart;
    if (known.length !== length) return false;
    for (let i = 0; i < length; i++) if (known[i] !== this.bytes[this.hostStart + i]) return false;
    return true;
  }
}

import { type ErrorCode, errorTable } from '../../shared/errors/error-table.ts';
import type { Fallback } from '../../shared/resources/breaker.ts';
import { grpcStatusLines } from './grpc-status.ts';
import { webReplyType } from './grpc-web-head.ts';
import type { RequestHead } from './request-head.ts';

/** An answer that the proxy gives itself. Built when configuration changes, or once per error code. */
export type LocalReply = {
  readonly status: number;
  /** Goes out as `x-meshlane-reason`. */
  readonly reason: ErrorCode;
  readonly contentType: string;
  /** Field lines beside those that every reply has, each with its CRLF. */
  readonly fields: string;
  readonly body: Buffer;
  /** For a caller of gRPC, in place of the one that its reason has. */
  readonly grpcStatus?: number;
};

const plainText = 'text/plain; charset=utf-8';
const nothing = Buffer.alloc(0);
/** Bytes of a body that a caller of gRPC is told: they stand in its head. */
const mostMessageBytes = 1024;

const replies = new Map<ErrorCode, LocalReply>();
for (const code of Object.keys(errorTable) as ErrorCode[])
  replies.set(code, {
    status: errorTable[code].http,
    reason: code,
    contentType: plainText,
    fields: '',
    body: Buffer.from(`${errorTable[code].text}\n`),
  });

/** The reply of an error code, with what is particular to this case when there is something. */
export function localReply(code: ErrorCode, detail = ''): LocalReply {
  const reply = replies.get(code)!;
  return detail === '' ? reply : { ...reply, body: Buffer.from(`${errorTable[code].text} (${detail})\n`) };
}

/** The reply with another status. A 205 has no content (RFC 9110 §15.3.6). */
export function withStatus(reply: LocalReply, status: number): LocalReply {
  return { ...reply, status, body: status === 205 ? nothing : reply.body };
}

/** A reply that tells how often its request was tried. */
export function withTries(reply: LocalReply, tries: number): LocalReply {
  return { ...reply, fields: `${reply.fields}x-meshlane-tries: ${tries}\r\n` };
}

/** The reply that a user chose for when a breaker keeps a request from all endpoints, or the one there is without. */
export function fallbackReply(fallback: Fallback | undefined): LocalReply {
  if (fallback === undefined || fallback.service !== undefined) return localReply('breaker_open');
  const { status, contentType, body } = fallback;
  return withStatus({ status, reason: 'breaker_open', contentType, fields: '', body: Buffer.from(body) }, status);
}

/** What a reply comes to for a caller of gRPC: the status of its call, all in the head. `contentType` is its form of gRPC. */
export function grpcReply(reply: LocalReply, contentType: string): LocalReply {
  const message = reply.body.toString('utf8', 0, mostMessageBytes).trim();
  const fields = grpcStatusLines(grpcStatusOf(reply), message) + reply.fields;
  return { status: 200, reason: reply.reason, contentType, fields, body: nothing };
}

/** The status of a call of gRPC that gets this reply. */
export function grpcStatusOf({ reason, grpcStatus = errorTable[reason].grpc }: LocalReply): number {
  return grpcStatus;
}

/** A reply to a request of which nobody knows where it would have gone: it tells no more than its head. */
export function inFormOf(head: RequestHead, reply: LocalReply): LocalReply {
  return head.grpcWebField === -1 ? reply : grpcReply(reply, webReplyType(head).name);
}

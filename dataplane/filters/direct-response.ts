import type { DirectResponse as Settings } from '../../shared/resources/filters/direct-response.ts';
import type { LocalReply } from '../message/local-reply.ts';

/** What a client of gRPC makes of these statuses (grpc/doc/http-grpc-status-mapping.md); of all others, UNKNOWN. */
const grpcStatuses: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
};
const unknown = 2;

/** Answers every request alike. */
export class DirectResponse {
  readonly #reply: LocalReply;

  constructor({ status, contentType, body, headers }: Settings) {
    const fields = headers.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
    const grpcStatus = grpcStatuses[status] ?? unknown;
    this.#reply = { status, reason: 'direct_response', contentType, fields, body: Buffer.from(body), grpcStatus };
  }

  answer(): LocalReply {
    return this.#reply;
  }
}

import type { DirectResponse as Settings } from '../../shared/resources/filters/direct-response.ts';
import type { LocalReply } from '../message/local-reply.ts';

/** Answers every request alike. */
export class DirectResponse {
  readonly #reply: LocalReply;

  constructor({ status, contentType, body, headers }: Settings) {
    const fields = headers.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
    this.#reply = { status, reason: 'direct_response', contentType, fields, body: Buffer.from(body) };
  }

  answer(): LocalReply {
    return this.#reply;
  }
}

import type { BackendFilters, RuleFilters } from '../filters/filters.ts';
import type { Caller } from '../message/caller.ts';
import type { LocalReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { RequestHead } from '../message/request-head.ts';
import type { Rule, RuleBackend } from './rule.ts';

/** A head of up to this size keeps its memory for the next request. */
const mostKeptBytes = 4096;

/** What the filters of its rule and backend do to an exchange. Without any, each question costs one comparison. */
export class Filtering {
  /** The head as the caller sent it. */
  asked: RequestHead;
  #rule: RuleFilters | null = null;
  #backend: BackendFilters | null = null;
  /** What was to be edited. */
  #given: RequestHead;
  /** Where heads are edited: made when there is one, and used again. */
  #copy: RequestHead | null = null;

  constructor(head: RequestHead) {
    this.asked = this.#given = head;
  }

  /** What a CONNECT asks for is not a request, but bytes. */
  begin(head: RequestHead, rule: Rule | null, backend: RuleBackend | null): void {
    const isTunnel = head.connectPort !== 0;
    this.asked = head;
    this.#rule = rule === null || isTunnel ? null : rule.filters;
    this.#backend = backend === null || isTunnel ? null : backend.filters;
  }

  /** The answer to a request that needs no instance; null lets it go on. */
  answer(caller: Caller): LocalReply | null {
    return this.#rule === null ? null : this.#rule.answer(this.asked, caller);
  }

  /** What goes on of a head, whichever way it is translated. */
  request(head: RequestHead): RequestHead {
    this.#given = head;
    if (this.#backend === null || !this.#backend.editsRequests) return head;
    this.#copy ??= new RequestHead();
    return this.#backend.request(head, this.#copy);
  }

  /** What goes on instead when another backend takes the request. */
  moveTo({ filters }: RuleBackend): RequestHead {
    this.#backend = filters;
    return this.request(this.#given);
  }

  /** How long the first try has to wait, in ms. */
  delayMs(): number {
    return this.#rule === null ? 0 : this.#rule.delayMs();
  }

  /** What there is in place of the first try; null lets it be made. */
  abort(): LocalReply | null {
    return this.#rule === null ? null : this.#rule.abort();
  }

  /** The head for the caller, good until the next one. */
  reply(head: ReplyHead): ReplyHead {
    return this.#backend === null ? head : this.#backend.reply(head, this.asked);
  }

  /** A reply of our own with what the rule has for replies. */
  complete(reply: LocalReply): LocalReply {
    return this.#rule === null ? reply : this.#rule.complete(reply, this.asked);
  }

  /** Lets go of what the next request will not need. */
  end(): void {
    this.#given = this.asked;
    if (this.#copy !== null && this.#copy.bytes.length > mostKeptBytes) this.#copy = null;
  }
}

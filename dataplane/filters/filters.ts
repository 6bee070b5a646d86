import type { Caller } from '../message/caller.ts';
import { applyEdits, copyReply, editRequest } from '../message/edited-head.ts';
import type { FieldEdit } from '../message/field-edit.ts';
import type { LocalReply } from '../message/local-reply.ts';
import { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { Cors } from './cors.ts';
import type { Fault } from './fault.ts';
import type { Rewrite } from './url-rewrite.ts';

/**
 * What filters do, in the order in which a request meets it, wherever they stand in their list:
 *
 *   of the rule       preflight, then redirect or direct response: answered here
 *   of its backend    path, host and fields of the request
 *   of the rule       delay, abort
 *   of its backend    fields of the reply: CORS, those of the rule, those of the backend
 *
 * A reply of our own gets what the rule has for replies, whichever backend it was that failed.
 */

type RuleParts = {
  readonly cors: Cors | null;
  /** What answers in an instance's place. */
  readonly answering: { answer(head: RequestHead, caller: Caller): LocalReply } | null;
  readonly fault: Fault | null;
  /** Lines of fields that replies have. */
  readonly replyLines: string;
};

/** The filters of a rule, as far as they do not concern what goes to and comes from its backends. */
export class RuleFilters {
  readonly #parts: RuleParts;

  constructor(parts: RuleParts) {
    this.#parts = parts;
  }

  /** The answer to a request that needs no instance; null lets it go on. */
  answer(head: RequestHead, caller: Caller): LocalReply | null {
    const { cors, answering } = this.#parts;
    const preflight = cors === null ? null : cors.preflight(head);
    if (preflight !== null || answering === null) return preflight;
    return answering.answer(head, caller);
  }

  /** How long this request has to wait before its first try, in ms. */
  delayMs(): number {
    const { fault } = this.#parts;
    return fault === null ? 0 : fault.delayMs();
  }

  /** What this request gets in place of its first try; null lets it go on. */
  abort(): LocalReply | null {
    const { fault } = this.#parts;
    return fault === null ? null : fault.abort();
  }

  /** A reply of our own to the request with this head, with the fields that the rule has for replies. */
  complete(reply: LocalReply, head: RequestHead): LocalReply {
    const { cors, replyLines } = this.#parts;
    const lines = cors === null ? replyLines : cors.linesFor(head) + replyLines;
    return lines === '' ? reply : { ...reply, fields: reply.fields + lines };
  }
}

type BackendParts = {
  readonly rewrite: Rewrite | null;
  readonly requestEdits: readonly FieldEdit[];
  readonly cors: Cors | null;
  readonly replyEdits: readonly FieldEdit[];
};

/** A reply's head is passed on within the call that brings it, so one copy does for all. */
const replyCopy = new ReplyHead();

/** What is done to requests on their way to one backend, and to replies on their way back: by its filters and its rule's. */
export class BackendFilters {
  readonly editsRequests: boolean;
  readonly #parts: BackendParts;
  readonly #editsReplies: boolean;

  constructor(parts: BackendParts) {
    this.#parts = parts;
    this.editsRequests = parts.rewrite !== null || parts.requestEdits.length > 0;
    this.#editsReplies = parts.cors !== null || parts.replyEdits.length > 0;
  }

  /** Makes `copy` the head for the instance, where requests are edited, and returns it. */
  request(head: RequestHead, copy: RequestHead): RequestHead {
    const { rewrite, requestEdits } = this.#parts;
    const path = rewrite === null ? null : rewrite.pathOf(head);
    return editRequest(copy, head, requestEdits, path, rewrite === null ? null : rewrite.host);
  }

  /** The head for the caller, good until the next one; `asked` is the head of its request. */
  reply(head: ReplyHead, asked: RequestHead): ReplyHead {
    if (!this.#editsReplies) return head;
    const { cors, replyEdits } = this.#parts;
    copyReply(replyCopy, head);
    if (cors !== null) applyEdits(replyCopy, cors.editsFor(asked));
    applyEdits(replyCopy, replyEdits);
    return replyCopy;
  }
}

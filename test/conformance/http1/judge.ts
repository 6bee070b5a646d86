import { readReplies, type StrictMessage, type StrictRead } from '../../harness/strict-reader.ts';
import type { ReplyCase, RequestCase } from './corpus.ts';
import { methodsOf, type Outcome } from './drive.ts';
import type { Expected, ReplyPart, RequestPart } from './expectation.ts';
import { isEcho, type SeenRequest } from './recording-origin.ts';
import { repliesWithoutHarmlessFaults } from './second-reading.ts';

/**
 * - `pass`: one of the ways that are right.
 * - `lax`: taken although it should be refused, or passed on with what should stay behind, but framed so that it can be
 *   read in one way only.
 * - `strict`: refused although it should be taken.
 * - `critical`: the origin or the caller reads something else than what the proxy means: smuggled, cut off and looking
 *   whole, or the reply to another request.
 */
export type Verdict = 'pass' | 'lax' | 'strict' | 'critical';

export type Judgement = {
  readonly verdict: Verdict;
  /** What is wrong, or not quite as it should be, in words; empty when nothing is. */
  readonly detail: string;
  /** What became of it where more than one way is right. */
  readonly isTaken: boolean;
};

export function judgeRequest(one: RequestCase, outcome: Outcome): Judgement {
  const { requests } = outcome;
  const isTaken = requests.length > 0;
  const say = (verdict: Verdict, detail = ''): Judgement => ({ verdict, detail, isTaken });
  if (outcome.faults.length > 0)
    return say('critical', `the origin got bytes that it must refuse: ${outcome.faults[0]}`);
  if (outcome.canaryFault !== null) return say(outcome.canaryFault.level, outcome.canaryFault.detail);
  const caller = readCaller(outcome, [...methodsOf(requests), ...moreReplies]);
  if (caller.fault !== null) return say('critical', `the caller got bytes that it must refuse: ${caller.fault}`);
  const finals = caller.finals;
  const { answered, isStray } = matchReplies(finals, requests);
  if (isStray) return say('critical', 'a reply answers another request than the origin saw');

  const faults = one.ways.map((way) => requestWayFault(way, outcome, finals, answered));
  const right = faults.find(({ level }) => level === 'none' || level === 'note');
  if (right) return say('pass', right.detail);
  const [first] = one.ways[0]!;
  if (first!.kind === 'cut') return say('critical', `a request that was cut off became "${requests[0]?.startLine}"`);
  // Where refusing was the right thing for all that came, whatever was forwarded was at least framed anew.
  const isForwarding = faults.filter((_, i) => one.ways[i]![0]!.kind === 'forward');
  if (isForwarding.length === 0 || !isTaken) {
    if (!isTaken && isForwarding.length > 0) return say('strict', `refused with ${finals[0]?.status ?? 'nothing'}`);
    return isTaken ? say('lax', `forwarded: ${describe(requests)}`) : say('lax', faults[0]!.detail);
  }
  const best = isForwarding.find(({ level }) => level === 'lax') ?? isForwarding[0]!;
  return say(best.level === 'lax' ? 'lax' : best.level === 'strict' ? 'strict' : 'critical', best.detail);
}

/** Requests that the origin has not seen are answered as well. */
const moreReplies = Array.from({ length: 5 }, () => 'GET');

type Final = { readonly status: number; readonly message: StrictMessage | null };
type WayFault = { readonly level: 'none' | 'note' | 'lax' | 'strict' | 'critical'; readonly detail: string };
const fine: WayFault = { level: 'none', detail: '' };

/** What keeps an outcome from being this way. */
function requestWayFault(
  way: readonly RequestPart[],
  outcome: Outcome,
  finals: readonly Final[],
  answered: number,
): WayFault {
  const forwards = way.filter((part) => part.kind === 'forward');
  const { requests } = outcome;
  const last = way.at(-1)!;
  if (requests.length > forwards.length && last.kind === 'refuse')
    return { level: 'lax', detail: `forwarded: ${describe(requests.slice(forwards.length))}` };
  if (requests.length > forwards.length)
    return { level: 'critical', detail: `the origin saw ${requests.length} requests: ${describe(requests)}` };
  if (requests.length < forwards.length)
    return { level: 'strict', detail: `the origin saw ${requests.length} requests of ${forwards.length}` };
  let note = fine;
  for (const [i, part] of forwards.entries()) {
    const fault = requestFault(part, requests[i]!);
    if (fault.level === 'lax' || fault.level === 'critical') return fault;
    if (fault.level === 'note') note = fault;
  }
  if (last.kind === 'answer') {
    const status = finals[0]?.status ?? 0;
    return last.statuses.includes(status) ? note : { level: 'strict', detail: `answered with ${status}` };
  }
  if (last.kind !== 'refuse') {
    if (last.kind === 'cut' || answered === forwards.length) return note;
    return { level: 'strict', detail: `${answered} replies to ${forwards.length} requests` };
  }
  const refusal = finals[forwards.length];
  if (outcome.closed === null && !endsWith(refusal))
    return { level: 'lax', detail: 'refused, but the connection stays open' };
  if (outcome.closed === null) note = { level: 'note', detail: 'refused, and the connection stays open for a while' };
  if (!refusal) return { level: 'note', detail: 'closed without a reply' };
  if (finals.length > forwards.length + 1)
    return { level: 'lax', detail: 'requests behind the refused one are answered' };
  if (refusal.status < 400) return { level: 'lax', detail: `answered with ${refusal.status}` };
  return last.statuses.includes(refusal.status) ? note : { level: 'note', detail: `refused with ${refusal.status}` };
}

/** Statuses that say nothing of how the request was framed: what follows it can still be told apart. */
const wellFramed = new Set([403, 404, 405, 411, 417, 421, 501]);

/** A refusal after which nobody reads on, or may without danger. */
function endsWith(refusal: Final | undefined): boolean {
  if (refusal === undefined) return false;
  const options = refusal.message === null ? [] : valuesOf(refusal.message.fields, 'connection');
  return wellFramed.has(refusal.status) || options.some((value) => value.toLowerCase() === 'close');
}

function requestFault(part: Extract<RequestPart, { kind: 'forward' }>, request: SeenRequest): WayFault {
  const [method, target = ''] = request.startLine.split(' ');
  const host = valuesOf(request.fields, 'host').join(', ');
  if (part.method !== 'any' && method !== part.method)
    return { level: 'critical', detail: `the method became ${method}` };
  if (part.body !== undefined && request.body.toString('latin1') !== part.body)
    return { level: 'critical', detail: `the body became ${quote(request.body)}` };
  if (part.host !== undefined && part.host !== 'any' && host.toLowerCase() !== part.host)
    return { level: 'lax', detail: `Host became "${host}"` };
  if (request.isUnclean) return { level: 'lax', detail: `forwarded with odd characters: ${describe([request])}` };
  const fault = membersFault(part, request);
  if (fault !== null) return { level: 'lax', detail: fault };
  const lines = request.fields.map(([name, value]) => `${name}: ${value}`);
  if (part.spelled.some((line) => !lines.includes(line))) return { level: 'note', detail: 'names change their case' };
  if (part.target === 'any' || target === part.target) return fine;
  const path = /^https?:\/\/[^/?]*(.*)$/i.exec(target)?.[1];
  if (path === part.target || (path === '' && part.target === '/'))
    return { level: 'note', detail: 'the target stays absolute' };
  return { level: 'lax', detail: `the target became "${target.slice(0, 100)}"` };
}

export function judgeReply(one: ReplyCase, outcome: Outcome): Judgement {
  const method = /^[A-Z]+/.exec(one.request.toString('latin1', 0, 20))![0];
  const caller = readCaller(outcome, [method]);
  const final = caller.finals.find(({ message }) => message !== null);
  const isOwn = final !== undefined && final.status >= 500 && final.status <= 504;
  const isTaken = final !== undefined && !isOwn;
  const say = (verdict: Verdict, detail = ''): Judgement => ({ verdict, detail, isTaken });
  if (outcome.canaryFault !== null) return say(outcome.canaryFault.level, outcome.canaryFault.detail);
  if (caller.fault !== null) return say('critical', `the caller got bytes that it must refuse: ${caller.fault}`);

  const faults = one.ways.map((way) => replyWayFault(way, outcome, final, isOwn));
  const right = faults.find(({ level }) => level === 'none' || level === 'note');
  if (right) return say(caller.isUnclean ? 'lax' : 'pass', right.detail);
  const order = ['lax', 'strict', 'critical'] as const;
  const level = order.find((name) => faults.some((fault) => fault.level === name))!;
  return say(level, faults.find((fault) => fault.level === level)!.detail);
}

function replyWayFault(way: ReplyPart, outcome: Outcome, final: Final | undefined, isOwn: boolean): WayFault {
  if (way.kind !== 'relay') {
    const hangs: WayFault = { level: 'note', detail: 'the caller is left waiting' };
    if (final === undefined) return outcome.closed === null ? hangs : fine;
    if (isOwn) return outcome.isReused ? { level: 'lax', detail: 'the connection is used again' } : fine;
    const text = `${final.status} ${quote(final.message!.body)}`;
    return way.kind === 'cut'
      ? { level: 'critical', detail: `a reply that was cut off looks whole: ${text}` }
      : { level: 'lax', detail: `relayed: ${text}` };
  }
  if (final === undefined) return { level: 'strict', detail: 'no whole reply was relayed' };
  if (isOwn && final.status !== way.status) return { level: 'strict', detail: `answered with ${final.status}` };
  const { body, fields } = final.message!;
  if (final.status !== way.status) {
    const level = final.status >= 400 ? 'strict' : 'lax';
    return { level, detail: `the status became ${final.status}` };
  }
  if (way.body !== undefined && body.toString('latin1') !== way.body)
    return { level: 'critical', detail: `the body became ${quote(body)}` };
  const fault = membersFault(way, { fields, trailers: final.message!.trailers });
  if (fault !== null) return { level: 'lax', detail: fault };
  if (way.connection === 'fresh' && outcome.isReused) return { level: 'lax', detail: 'the connection is used again' };
  if (way.connection === 'reuse' && !outcome.isReused)
    return { level: 'note', detail: 'the connection is not used again' };
  return fine;
}

/** What the caller got, by a strict reader; where only characters are wrong, by one that overlooks those. */
function readCaller(outcome: Outcome, methods: readonly string[]) {
  const isClosed = outcome.closed === 'end';
  let read: StrictRead = readReplies(outcome.received, methods, isClosed);
  const first = read;
  if (read.fault !== null) read = readReplies(repliesWithoutHarmlessFaults(outcome.received), methods, isClosed);
  const statusOf = ({ startLine }: StrictMessage) => Number(startLine.slice(9, 12));
  const finals: Final[] = read.messages
    .map((message) => ({ status: statusOf(message), message }))
    .filter(({ status }) => status >= 200 || status === 101);
  // The end of a refusal may be lost with the connection; that it was one shows in its first line.
  const begun = /^HTTP\/1\.[01] (\d{3})/.exec(outcome.received.toString('latin1', read.end, read.end + 12));
  if (read.isPartial && begun && Number(begun[1]) >= 400) finals.push({ status: Number(begun[1]), message: null });
  return { finals, fault: read.fault, isUnclean: read !== first && read.fault === null };
}

/** Counts the replies that are the origin's, which have to come in the order of its requests; others are the proxy's own. */
function matchReplies(finals: readonly Final[], requests: readonly SeenRequest[]) {
  let answered = 0;
  for (const { status, message } of finals) {
    const request = requests[answered];
    const body = message?.body.toString() ?? '';
    if (request?.startLine.startsWith('HEAD ') && status === 200) answered++;
    else if (body === request?.echo) answered++;
    else if (isEcho(body)) return { answered, isStray: true };
  }
  return { answered, isStray: false };
}

/** Fields and trailers that should be there, or should not. `lacks=name: value` forbids a member of a list. */
function membersFault(expected: Expected, message: Pick<StrictMessage, 'fields' | 'trailers'>): string | null {
  const { fields, trailers } = message;
  const lines = (list: readonly (readonly [string, string])[]) => list.map(([name, value]) => `${name}: ${value}`);
  const folded = lines(fields).map(foldName);
  const missing = expected.has.find((line) => !folded.includes(foldName(line)));
  if (missing !== undefined) return `"${missing}" is gone`;
  for (const lack of expected.lacks) {
    const [name = '', member] = lack.toLowerCase().split(': ');
    const values = valuesOf(fields, name).flatMap((value) => value.toLowerCase().split(/[\s,]+/));
    if (member === undefined ? values.length > 0 : values.includes(member)) return `"${lack}" travels on`;
  }
  const late = expected.noTrailer.find((name) => valuesOf(trailers, name).length > 0);
  if (late !== undefined) return `"${late}" travels on among the trailers`;
  // Trailers may be dropped (RFC 9110 §6.5.1), but not changed.
  const changed = expected.trailer.find((line) => trailers.length > 0 && !lines(trailers).includes(line));
  return changed === undefined ? null : `the trailer "${changed}" is gone`;
}

/** Names have no case, values do. */
function foldName(line: string): string {
  const colon = line.indexOf(':');
  return line.slice(0, colon).toLowerCase() + line.slice(colon);
}

function valuesOf(fields: readonly (readonly [string, string])[], name: string): string[] {
  return fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
}

function describe(requests: readonly SeenRequest[]): string {
  return requests
    .map(({ startLine, fields, body }) => {
      const head = [startLine, ...fields.map(([name, value]) => `${name}: ${value}`)].join(' / ');
      return `${quote(head)}${body.length > 0 ? ` with ${quote(body)}` : ''}`;
    })
    .join(' and ');
}

function quote(bytes: string | Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1' as never).slice(0, 160));
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

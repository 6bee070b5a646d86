import type { StreamReply } from '../../harness/http2/stream-reply.ts';
import type { Judgement, Verdict } from '../http1/judge.ts';
import type { SeenRequest } from '../http1/recording-origin.ts';
import type { RequestCase, Way } from './corpus.ts';
import type { Outcome } from './drive.ts';
import { differenceOf } from './expected-request.ts';

/**
 * Says of a case what the corpus of HTTP/1.1 says (`../http1/judge.ts`): `critical` is what reaches the origin and is refused
 * there by a strict reader, or read as two requests, or with another body than the caller sent.
 */
export function judge(one: RequestCase, outcome: Outcome): Judgement {
  const { requests, reply, faults, canaryFault } = outcome;
  const isTaken = requests.length > 0;
  const say = (verdict: Verdict, detail = ''): Judgement => ({ verdict, detail, isTaken });
  const mayForward = one.ways.some(({ kind }) => kind === 'forward');
  if (faults.length > 0) return say('critical', `the origin got bytes that it must refuse: ${faults[0]}`);
  if (canaryFault !== null) return say(canaryFault.level, canaryFault.detail);
  if (requests.length > 1) return say('critical', `the origin saw ${requests.length} requests: ${describe(requests)}`);
  const [request] = requests;
  if (request?.startLine.includes(' /smuggled'))
    return say('critical', `another request arrived: ${describe(requests)}`);
  if (request !== undefined) {
    if (one.ways[0]!.kind === 'cut')
      return say('critical', `a request that was cut off looks whole: ${describe(requests)}`);
    if (!mayForward) return say('lax', `forwarded: ${describe(requests)}`);
    return judgeForwarded(one, request, reply, say);
  }
  if (one.ways[0]!.kind === 'cut') return say('pass');
  const refusal = refusalOf(reply);
  if (refusal === null)
    return say(mayForward ? 'strict' : 'lax', reply === null ? 'no answer' : `answered with ${reply.status}`);
  const refuse = one.ways.find((way): way is Extract<Way, { kind: 'refuse' }> => way.kind === 'refuse');
  if (refuse === undefined) return say('strict', `refused with ${refusal}`);
  return say('pass', refuse.with.includes(refusal) ? '' : `refused with ${refusal}`);
}

function judgeForwarded(
  { expected, ways }: RequestCase,
  request: SeenRequest,
  reply: StreamReply | null,
  say: (verdict: Verdict, detail?: string) => Judgement,
): Judgement {
  const body = request.body.toString('latin1');
  if (body !== expected!.body) return say('critical', `the body became ${quote(body)}`);
  if (request.isUnclean) return say('lax', `forwarded unclean: ${describe([request])}`);
  const difference = differenceOf(expected!, request);
  if (difference !== null) return say('lax', difference);
  // What makes it malformed may come when it has been forwarded, or just before: that is a matter of luck.
  if (refusalOf(reply) !== null && ways.some(({ kind }) => kind === 'refuse'))
    return { verdict: 'pass', detail: '', isTaken: false };
  if (reply === null || reply.end !== 'whole')
    return say('strict', `no whole reply: ${reply?.error ?? reply?.end ?? 'none'}`);
  const isEcho = reply.body.toString() === (request.startLine.startsWith('HEAD ') ? '' : request.echo);
  if (!isEcho) return say('critical', `the caller got ${reply.status} with ${quote(reply.body.toString('latin1'))}`);
  return say('pass');
}

/** The status or error that a request was refused with; null when it was not. */
function refusalOf(reply: StreamReply | null): string | null {
  if (reply === null) return null;
  if (reply.status >= 400) return String(reply.status);
  if (reply.end === 'whole') return null;
  return reply.error ?? 'a closed connection';
}

function describe(requests: readonly SeenRequest[]): string {
  return requests
    .map(({ startLine, fields, body }) => {
      const head = [startLine, ...fields.map(([name, value]) => `${name}: ${value}`)].join(' / ');
      return `${quote(head)}${body.length > 0 ? ` with ${quote(body.toString('latin1'))}` : ''}`;
    })
    .join(' and ');
}

function quote(text: string): string {
  const quoted = JSON.stringify(text.slice(0, 160));
  return quoted.length > 200 ? `${quoted.slice(0, 200)}...` : quoted;
}

import { relayReplies, relayRequests } from '../../../dataplane/http1/codec-relay.ts';
import { forwardingFault } from '../../../harness/strict-http1/forwarding.ts';
import { valuesOf } from '../../../harness/strict-http1/rules.ts';
import { readReplies, type StrictMessage } from '../../../harness/strict-reader.ts';
import { isAnsweredEarly, type WireCase } from './cases.ts';
import type { WireAnswer } from './wire-caller.ts';
import { caseOf } from './wire-origin.ts';

/**
 * What is wrong with the answer to a case, or null. All that comes must be replies without fault, no more than there were
 * requests. A reply of the instance is the one to this request, and whole only if the instance sent it whole.
 */
export function faultOfAnswer({ request, reply }: WireCase, index: number, answer: WireAnswer): string | null {
  if (answer.isStuck) return 'the connection did not come to an end';
  const asked = relayRequests([request]);
  const methods = asked.messages.map(({ startLine }) => startLine.split(' ')[0]!);
  // What was not whole or refused may be answered, too, with a refusal.
  if (asked.end < request.length) methods.push(/^(?:\r\n)?HEAD /.test(textFrom(request, asked.end)) ? 'HEAD' : 'GET');
  const read = readReplies(answer.received, methods, !answer.wasReset);
  if (read.fault !== null) return `the caller got what is refused: ${read.fault}`;

  const finals = read.messages.filter(({ startLine }) => Number(startLine.slice(9, 12)) >= 200);
  for (const [i, message] of finals.entries()) {
    const fault = forwardingFault(message);
    if (fault !== null) return `the caller got a reply in which ${fault}`;
    if (isLocal(message)) continue;
    const question = asked.messages[i];
    if (question === undefined) {
      // It may be answered before it is whole, or broken; a mutation can have made it another case, which may.
      const head = request.toString('latin1', asked.end);
      const isEarly = [...head.matchAll(/\r\nx-case: ([0-9]{1,9})\r\n/gi)].some(([, name]) =>
        isAnsweredEarly(Number(name)),
      );
      if (isEarly) continue;
      return 'what is no whole request was answered by the instance';
    }
    const wanted = reply === null ? null : relayReplies([reply], [methods[i]!], true).messages.at(-1);
    const caseAsked = caseOf(question);
    if (caseAsked !== index) continue; // the mutation took the name of the case, or made another of it
    if (reply === null) {
      if (caseOf(message) !== caseAsked) return `the reply to case ${caseOf(message)} came for case ${caseAsked}`;
    } else if (wanted === undefined || wanted === null || Number(wanted.startLine.slice(9, 12)) < 200)
      return 'a reply that was not whole looks whole';
    else if (!wanted.body.equals(message.body) || wanted.startLine.slice(9, 12) !== message.startLine.slice(9, 12))
      return 'the reply is not the one that the instance sent';
  }
  return null;
}

function textFrom(bytes: Buffer, from: number): string {
  return bytes.toString('latin1', from, from + 8);
}

/** Given by the proxy itself. */
function isLocal(message: StrictMessage): boolean {
  return valuesOf(message.fields, 'x-meshlane-reason').length > 0;
}

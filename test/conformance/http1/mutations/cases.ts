import type { CodecCase } from './codec-check.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { attackReplies, attackRequests, replySeeds, requestSeeds, rightReplies, rightRequests } from './seeds.ts';

/** The mutated message at a place in a run: the same for the same seed and place, alone or among others. */

export function mutatedRequest(seed: number, index: number): string {
  const random = Random.ofCase(seed, index);
  return mutate(random.pick(random.oneIn(4) ? attackRequests : rightRequests), random, requestSeeds);
}

export function mutatedReply(seed: number, index: number): string {
  const random = Random.ofCase(~seed, index);
  return mutate(random.pick(random.oneIn(4) ? attackReplies : rightReplies), random, replySeeds);
}

/** Requests and replies by turns. */
export function codecCase(seed: number, index: number): CodecCase {
  if (index % 2 === 0) return { kind: 'request', bytes: Buffer.from(mutatedRequest(seed, index), 'latin1') };
  const bytes = Buffer.from(mutatedReply(seed, index), 'latin1');
  return { kind: 'reply', bytes, methods: index % 16 === 1 ? ['HEAD', 'GET'] : ['GET', 'GET'] };
}

/** What goes over the wire at a place in a run: a request, and the reply of the instance; one of them is mutated, or both. */
export type WireCase = { readonly request: Buffer; readonly reply: Buffer | null };

/** The field that tells the instance which reply to give. */
export const caseField = 'X-Case';

export function wireCase(seed: number, index: number): WireCase {
  const random = Random.ofCase(seed, index);
  const right = withCase(random.pick(random.oneIn(4) ? attackRequests : rightRequests), index);
  const request = index % 3 === 1 ? plainRequest(index, random) : mutate(right, random, requestSeeds);
  const reply = index % 3 === 0 ? null : Buffer.from(mutatedReply(seed, index), 'latin1');
  return { request: Buffer.from(request, 'latin1'), reply };
}

/** Whether the instance answers as soon as it has the head, and takes the body afterwards. */
export function isAnsweredEarly(index: number): boolean {
  return index % 5 === 2;
}

/** A request that every reader takes. */
export function plainRequest(index: number, random: Random): string {
  const method = random.pick(['GET', 'GET', 'HEAD', 'DELETE', 'OPTIONS']);
  const version = random.oneIn(8) ? 'HTTP/1.0' : 'HTTP/1.1';
  const upgrade = random.oneIn(16) ? 'Connection: Upgrade\r\nUpgrade: websocket\r\n' : '';
  return withCase(`${method} /plain ${version}\r\nHost: app\r\n${upgrade}\r\n`, index);
}

function withCase(text: string, index: number): string {
  const lineEnd = text.indexOf('\r\n');
  return lineEnd === -1 ? text : `${text.slice(0, lineEnd)}\r\n${caseField}: ${index}${text.slice(lineEnd)}`;
}

import type { RateLimit } from '../filters/rate-limit/rate-limit.ts';
import type { RequestHead } from '../message/request-head.ts';
import { type LocalReply, localReply } from './local-reply.ts';

/**
 * The reply to a request that a limit refuses. It tells when to come again in the words of RFC 9110 §10.2.3, of
 * draft-ietf-httpapi-ratelimit-headers, of what was there before that, and to a caller of gRPC in those of its retries
 * (gRFC A6).
 */
export function rateLimited({ settings, waitUs }: RateLimit, head: RequestHead): LocalReply {
  const { name, requests, perMs } = settings;
  const seconds = Math.ceil(waitUs / 1_000_000);
  const fields =
    `retry-after: ${seconds}\r\n` +
    `ratelimit-policy: "${name}";q=${requests};w=${perMs / 1000}\r\n` +
    `ratelimit: "${name}";r=0;t=${seconds}\r\n` +
    `x-ratelimit-limit: ${requests}\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: ${seconds}\r\n` +
    (head.isGrpc ? `grpc-retry-pushback-ms: ${Math.ceil(waitUs / 1000)}\r\n` : '');
  return { ...localReply('rate_limited', name), fields };
}

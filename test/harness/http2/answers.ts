import type { ConnectionOptions } from 'node:tls';
import { withOwner } from '../owner.ts';
import { frameClient, requestFields } from './frame-client.ts';

/** Tells whether a request of HTTP/2, on a connection of its own, gets a 200 within a second. */
export function answers(
  port: number,
  { path = '/', tls }: { path?: string; tls?: ConnectionOptions } = {},
): Promise<boolean> {
  return withOwner(async (owner) => {
    const caller = await frameClient(owner, port, tls === undefined ? {} : { tls });
    const { status } = await caller.reply(caller.request(requestFields('GET', path)), 1000);
    return status === 200;
  });
}

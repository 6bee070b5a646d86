import type { RequestHead } from '../message/request-head.ts';

/** A switch of protocols that we go along with: HTTP/1.1 only, and never to h2c, which would pass by every rule. */
export function mayUpgrade(head: RequestHead): boolean {
  if (!head.connectionUpgrade || head.upgradeField === -1 || head.minorVersion === 0) return false;
  return !/(^|[,\s])h2c(\/|[,\s]|$)/i.test(head.valueAt(head.upgradeField));
}

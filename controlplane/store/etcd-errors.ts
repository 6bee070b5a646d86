/** What etcd and gRPC say of a call that failed, in the store's words. */
import { grpc } from '../../shared/grpc/grpc.ts';
import { messageOf } from '../message-of.ts';
import { BatchTooLarge, StoreFull, StoreUnavailable } from './store.ts';

const { UNAVAILABLE, DEADLINE_EXCEEDED } = grpc.status;

/** The first pattern that fits tells what to do about it. */
const advice: readonly (readonly [RegExp, string])[] = [
  [/authentication failed/, 'etcd refuses the login; check --store-user and what is in --store-password-file'],
  [/user name is empty/, 'etcd asks for a login; give --store-user and --store-password-file'],
  [/permission denied/, 'etcd does not allow it; the user needs a role with readwrite on the prefix of the store'],
  [/no leader/, 'too few members of etcd are there to read or write'],
];

/** The error of a store that has this name. */
export function toStoreError(name: string, error: unknown): Error {
  if (error instanceof StoreUnavailable) return error;
  const text = textOf(error);
  if (/too many operations|request is too large/i.test(text))
    return new BatchTooLarge(`etcd refuses so much at once: ${text}`);
  if (/database space exceeded/.test(text))
    return new StoreFull(
      `etcd has reached its quota. Reading goes on. Compact it, run \`etcdctl defrag\` for each member, then ` +
        `\`etcdctl alarm disarm\`; a greater --quota-backend-bytes gives it more room`,
    );
  const hint = advice.find(([pattern]) => pattern.test(text))?.[1];
  return new StoreUnavailable(`${name}: ${hint === undefined ? text : `${hint} (${text})`}`);
}

/** What etcd said, or what is wrong with the connection, without what gRPC puts around it. */
export function textOf(error: unknown): string {
  const { details } = error as { details?: unknown };
  const text = typeof details === 'string' && details !== '' ? details : messageOf(error);
  return text.replace(/ ?Resolution note:.*$/s, '').trim();
}

/** Whether another member may do better. */
export function isMemberFault(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === UNAVAILABLE || code === DEADLINE_EXCEEDED;
}

/** Whether the member certainly did nothing, so that the call can be made again. */
export function wasNotDone(error: unknown): boolean {
  return /^No connection established|no leader/.test(textOf(error));
}

/** Whether a new token would do: etcd restarted, or its users changed, or it was told to ask for logins only now. */
export function isStaleToken(error: unknown): boolean {
  return /invalid auth token|revision of auth store is old|user name is empty/.test(textOf(error));
}

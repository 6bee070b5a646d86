/** What etcd and gRPC say of a call that failed, in the store's words. */
import { grpc } from '../../shared/grpc/grpc.ts';
import { messageOf } from '../message-of.ts';
import { BatchTooLarge, LoginRefused, StoreFull, StoreUnavailable } from './store.ts';

const { CANCELLED, UNAVAILABLE, DEADLINE_EXCEEDED } = grpc.status;

/** The first pattern that fits tells what it is and what to do about it. */
const faults: readonly (readonly [RegExp, new (message: string) => Error, string])[] = [
  [/too many operations|request is too large|message larger than max/, BatchTooLarge, 'etcd refuses so much at once'],
  [
    /database space exceeded/,
    StoreFull,
    'etcd has reached its quota: compact it, run `etcdctl defrag` for each member, then `etcdctl alarm disarm`; a ' +
      'greater --quota-backend-bytes gives it more room',
  ],
  [/authentication failed/, LoginRefused, 'etcd refuses the login; check --store-user and --store-password-file'],
  [/user name is empty/, LoginRefused, 'etcd asks for a login; give --store-user and --store-password-file'],
  [/permission denied/, StoreUnavailable, 'the user of etcd needs a role with readwrite on the prefix of the store'],
  [/Cancelled on client|Deadline exceeded/, StoreUnavailable, 'etcd does not answer'],
  [/no leader/, StoreUnavailable, 'too few members of etcd are there to read or write'],
];

/** The error of a store that has this name. */
export function toStoreError(name: string, error: unknown): Error {
  if (error instanceof StoreUnavailable) return error;
  const text = textOf(error);
  const [, Fault = StoreUnavailable, what] = faults.find(([pattern]) => pattern.test(text)) ?? [];
  return new Fault(`${name}: ${what === undefined ? text : `${what} (${text})`}`);
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

/** Whether we gave it up ourselves. */
export function wasAbandoned(error: unknown): boolean {
  return (error as { code?: unknown }).code === CANCELLED;
}

/** Whether a new token would do: etcd restarted, or its users changed, or it was told to ask for logins only now. */
export function isStaleToken(error: unknown): boolean {
  return /invalid auth token|revision of auth store is old|user name is empty/.test(textOf(error));
}

import { updateFields } from '../../shared/discovery/messages.ts';
import { OutgoingMessage } from '../../shared/grpc/server/outgoing-message.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';

/** An update on its way to one stream, or to many. */
export type Update = {
  readonly revision: number;
  /** What it speaks of; null: it is all there is. */
  readonly keys: readonly ResourceKey[] | null;
  readonly message: OutgoingMessage;
};

export type UpdateHead = { readonly revision: number; readonly mesh: string; readonly services?: string[] };

/** An update out of fields that are encoded already; the fields are not copied. */
export function newUpdate(
  { revision, mesh, services = [] }: UpdateHead,
  keys: Update['keys'],
  fields: readonly Buffer[],
): Update {
  const head = updateFields.head({ revision, mesh, services, full: keys === null });
  return { revision, keys, message: new OutgoingMessage([head, ...fields]) };
}

import { updateFields, type WireKey } from '../../shared/discovery/messages.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import { type Change, type ChangeLog, wireOf } from './change-log.ts';
import type { MeshFeed } from './mesh-feed.ts';
import type { Scope } from './scope.ts';
import { newUpdate, type Update } from './update.ts';

/** Puts together what one sidecar has to be told; null when that is nothing. `scope` is null for one that gets everything. */
export function draftUpdate(feed: MeshFeed, sidecar: string, scope: Scope | null, edition: number): Update | null {
  if (!scope) return draftSince(feed, feed.everything, sidecar, null, edition);
  if (scope.hasNews) return mergeUpdate(feed, sidecar, scope, edition);
  const logs: ChangeLog[] = feed.config.edition > edition ? [feed.config] : [];
  for (const { changes } of scope.services) if (changes.edition > edition) logs.push(changes);
  if (logs.length === 0) return null;
  return logs.length === 1
    ? draftSince(feed, logs[0]!, sidecar, scope, edition)
    : mergeUpdate(feed, sidecar, scope, edition);
}

/** The update with all that a sidecar is to have. */
export function draftFull(feed: MeshFeed, sidecar: string, scope: Scope | null): Update {
  const isPlain = feed.configList.every((stored) => stored.forSidecar(sidecar) === stored);
  if (isPlain && !scope) return feed.full;
  const config = isPlain ? [feed.configBlock] : feed.configList.flatMap((stored) => wiresFor(stored, sidecar));
  if (!scope) return newUpdate(feed.head, null, [...config, ...feed.instanceBlocks]);
  const services = [...scope.services];
  const head = { ...feed.head, services: services.map(({ name }) => name) };
  return newUpdate(head, null, [...config, ...services.map(({ block }) => block)]);
}

function wiresFor(stored: StoredResource, sidecar: string): Buffer[] {
  const version = stored.forSidecar(sidecar);
  return version ? [wireOf(version)] : [];
}

/** What is new in one log: mostly the same for all who have that edition. */
function draftSince(
  feed: MeshFeed,
  log: ChangeLog,
  sidecar: string,
  scope: Scope | null,
  edition: number,
): Update | null {
  if (log.edition <= edition) return null;
  const { update, config, hasMoves } = feed.sharedSince(log, edition);
  if (!(hasMoves && scope) && config.every((stored) => stored.forSidecar(sidecar) === stored)) return update;
  const draft = new Draft();
  for (const change of log.since(edition)) draft.take(change, sidecar, scope, edition);
  return draft.finish(feed, []);
}

function mergeUpdate(feed: MeshFeed, sidecar: string, scope: Scope, edition: number): Update | null {
  const draft = new Draft();
  for (const key of scope.departed)
    if (!scope.covers(key)) draft.remove(key, { kind: 'Instance', name: key.slice('Instance/'.length) });
  for (const change of feed.config.since(edition)) draft.take(change, sidecar, scope, edition);
  for (const service of scope.services)
    for (const change of service.changes.since(edition)) draft.take(change, sidecar, scope, edition);
  for (const { instances } of scope.joined) for (const stored of instances.values()) draft.put(stored.key, stored);
  return draft.finish(
    feed,
    [...scope.joined].map(({ name }) => name),
  );
}

/** Fields of an update by key; what comes later takes the place of what came before. */
class Draft {
  readonly #fields = new Map<ResourceKey, Buffer>();

  put(key: ResourceKey, stored: StoredResource): void {
    this.#fields.set(key, wireOf(stored));
  }

  remove(key: ResourceKey, wireKey: WireKey): void {
    this.#fields.set(key, updateFields.removed(wireKey));
  }

  take(
    { key, wireKey, stored, before, beforeEdition }: Change,
    sidecar: string,
    scope: Scope | null,
    edition: number,
  ): void {
    const version = stored?.forSidecar(sidecar) ?? null;
    // What it was sent last is only known when it had what came before this change.
    const isKnown = beforeEdition <= edition && !this.#fields.has(key);
    if (isKnown && wireKey.kind !== 'Instance' && (before?.forSidecar(sidecar) ?? null) === version) return;
    if (version) this.put(key, version);
    else if (!scope?.covers(key)) this.remove(key, wireKey);
  }

  finish(feed: MeshFeed, services: string[]): Update | null {
    if (this.#fields.size === 0 && services.length === 0) return null;
    return newUpdate({ ...feed.head, services }, [...this.#fields.keys()], [Buffer.concat([...this.#fields.values()])]);
  }
}

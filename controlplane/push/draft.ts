import { updateFields } from '../../shared/discovery/messages.ts';
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
  const draft = new Draft(feed, sidecar, scope, edition);
  draft.takeAll(log);
  return draft.finish([]);
}

function mergeUpdate(feed: MeshFeed, sidecar: string, scope: Scope, edition: number): Update | null {
  const draft = new Draft(feed, sidecar, scope, edition);
  draft.takeAll(feed.config);
  for (const key of scope.departed) draft.takeInstance(key);
  for (const { changes } of scope.services) draft.takeAll(changes);
  for (const { instances } of scope.joined) for (const { key } of instances.values()) draft.takeInstance(key);
  return draft.finish([...scope.joined].map(({ name }) => name));
}

/** The fields of an update for one sidecar, by key. */
class Draft {
  readonly #feed: MeshFeed;
  readonly #sidecar: string;
  readonly #scope: Scope | null;
  /** What it has. */
  readonly #edition: number;
  readonly #fields = new Map<ResourceKey, Buffer>();

  constructor(feed: MeshFeed, sidecar: string, scope: Scope | null, edition: number) {
    this.#feed = feed;
    this.#sidecar = sidecar;
    this.#scope = scope;
    this.#edition = edition;
  }

  takeAll(log: ChangeLog): void {
    for (const change of log.since(this.#edition))
      if (change.wireKey.kind === 'Instance') this.takeInstance(change.key);
      else this.#takeConfig(change);
  }

  /** Tells how an instance is now: several logs may speak of one that moved, each of a part of its way. */
  takeInstance(key: ResourceKey): void {
    const stored = this.#feed.latest(key);
    const isCovered = stored && (this.#scope === null || this.#scope.covers(stored));
    const gone = () => updateFields.removed({ kind: 'Instance', name: key.slice('Instance/'.length) });
    this.#fields.set(key, isCovered ? wireOf(stored) : gone());
  }

  #takeConfig({ key, wireKey, stored, before, beforeEdition }: Change): void {
    const version = stored?.forSidecar(this.#sidecar) ?? null;
    // What it was sent last is only known when it had what came before this change.
    const isKnown = beforeEdition <= this.#edition && !this.#fields.has(key);
    if (isKnown && (before?.forSidecar(this.#sidecar) ?? null) === version) return;
    this.#fields.set(key, version ? wireOf(version) : updateFields.removed(wireKey));
  }

  finish(services: string[]): Update | null {
    if (this.#fields.size === 0 && services.length === 0) return null;
    const fields = [Buffer.concat([...this.#fields.values()])];
    return newUpdate({ ...this.#feed.head, services }, [...this.#fields.keys()], fields);
  }
}

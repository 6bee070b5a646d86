/**
 * Decides what a set of changes would do, against the catalog as it is now: every document is read, every reference is
 * checked against the set with the whole change laid over it, and all faults are told at once.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Issue } from '../../shared/errors/problem.ts';
import { readResource } from '../../shared/resources/read.ts';
import { checkReferences, PolicyIndex, type ResourceSet, usersOfService } from '../../shared/resources/references.ts';
import { keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import { type AnyResource, isKind } from '../../shared/resources/schema.ts';
import { WithStable } from '../rollout/with-stable.ts';
import type { Catalog } from './catalog.ts';
import type { Change, Precondition, Refusal } from './change.ts';
import { Faults } from './faults.ts';
import { inStore } from './in-store.ts';
import { Overlay } from './overlay.ts';
import type { StoredResource } from './stored-resource.ts';

/** One change that passed. */
export type Step = {
  readonly action: 'created' | 'changed' | 'unchanged' | 'removed';
  readonly key: ResourceKey;
  /** What is to be stored; what was stored when removed or unchanged. */
  readonly resource: AnyResource;
  /** What the store has; undefined as well for what is only held. For preconditions. */
  readonly before: StoredResource | undefined;
  /** What is in force, held or not. For what the change means: whose it is, what is lost by it, what the history tells. */
  readonly known: StoredResource | undefined;
};

export type Plan =
  | { readonly ok: true; readonly steps: readonly Step[] }
  | { readonly ok: false; readonly refusal: Refusal };

type Put = { readonly at: string; readonly read: AnyResource | null; readonly raw: AnyResource };

export function plan(changes: readonly Change[], catalog: Catalog, pointerOf: (index: number) => string): Plan {
  const overlay = new Overlay(inStore(catalog));
  const faults = new Faults();
  const stale: string[] = [];
  const missing: string[] = [];
  const puts: Put[] = [];
  const steps: Step[] = [];
  const seen = new Map<ResourceKey, string>();
  const once = (key: ResourceKey, at: string) => {
    const first = seen.get(key);
    if (first !== undefined)
      faults.add(at, [{ pointer: '', message: `${key} is given twice; first at ${first || '(document)'}` }]);
    seen.set(key, at);
  };

  changes.forEach((change, index) => {
    const at = pointerOf(index);
    if (change.type === 'delete') {
      const key: ResourceKey = `${change.kind}/${change.name}`;
      const known = catalog.stored(change.kind, change.name);
      const before = catalog.isInStore(key) ? known : undefined;
      once(key, at);
      if (change.onlyAtRevision !== undefined && known?.revision !== change.onlyAtRevision) return;
      if (!isMet(change.precondition, before)) stale.push(staleText(key, before));
      else if (!known) missing.push(`${key} does not exist`);
      else {
        overlay.remove(key);
        steps.push({ action: 'removed', key, resource: known.resource, before, known });
      }
      return;
    }
    if (change.type === 'rollout') {
      const { resource, onlyAtRevision } = change;
      const before = catalog.stored(resource.kind, resource.name);
      if (before?.revision === onlyAtRevision && catalog.isInStore(before.key))
        steps.push({ action: 'changed', key: keyOf(resource), resource, before, known: before });
      return;
    }
    const document = withPath(change.document, change.path, at, faults);
    const read = readResource(document);
    if (!read.ok) faults.add(at, read.issues);
    const raw = (read.ok ? read.value : document) as AnyResource;
    if (!isKind(raw?.kind) || typeof raw.name !== 'string') return;
    const key = keyOf(raw);
    const known = catalog.stored(raw.kind, raw.name);
    const before = catalog.isInStore(key) ? known : undefined;
    if (change.onlyIfMissing && before) return;
    // What cannot be read here is somebody's all the same, and may be referred to.
    if (change.onlyIfMissing && catalog.faults.of(key)) {
      overlay.put(key, null);
      return;
    }
    once(key, at);
    if (!isMet(change.precondition, before)) stale.push(staleText(key, before));
    // Where a default is enough, what is held comes back as it was.
    const wanted = change.onlyIfMissing && known ? known.resource : read.ok ? read.value : null;
    overlay.put(key, wanted);
    puts.push({ at, read: wanted, raw });
    if (wanted) steps.push({ ...toStep(key, wanted, before, catalog.revisionInStore(key)), known });
  });

  // Only now is the whole change laid over the catalog.
  const inForce = new WithStable(overlay, catalog);
  const policies = new PolicyIndex(inForce);
  for (const { at, raw } of puts) faults.add(at, checkReferences(raw, overlay, policies));
  if (faults.count > 0) return refuse('invalid', `Nothing was stored: ${faults.summary}.`, faults.told);
  if (stale.length > 0) return refuse('stale', stale.join('; '));
  if (missing.length > 0) return refuse('not_found', missing.join('; '));
  const inUse = steps.flatMap(({ action, resource }) =>
    action === 'removed' && resource.kind === 'Service' ? usersText(resource.name, inForce) : [],
  );
  if (inUse.length > 0) return refuse('in_use', inUse.join('; '));
  return { ok: true, steps };
}

/** `inStore`: another revision than `before` has, when the entry was broken since and `before` is the last good one. */
function toStep(
  key: ResourceKey,
  resource: AnyResource,
  before: StoredResource | undefined,
  inStore: number,
): Omit<Step, 'known'> {
  if (!before) return { action: 'created', key, resource, before };
  const isSame =
    before.revision === inStore &&
    isDeepStrictEqual(before.resource.spec, resource.spec) &&
    isDeepStrictEqual(before.resource.labels, resource.labels) &&
    isDeepStrictEqual(before.resource.rollout, resource.rollout) &&
    !isWithdrawn(before);
  return isSame
    ? { action: 'unchanged', key, resource: before.resource, before }
    : { action: 'changed', key, resource, before };
}

/** Its rollout failed and there is nothing to go back to, so the same again is another try. */
function isWithdrawn({ rollout }: StoredResource): boolean {
  return rollout?.state === 'rolledBack' && !rollout.isRestored;
}

/** The document without what only the mesh sets, and with the kind and name of its path. */
function withPath(input: unknown, path: Extract<Change, { type: 'put' }>['path'], at: string, faults: Faults): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const { status: _status, revision: _revision, ...document } = input as Record<string, unknown>;
  if (!path) return document;
  for (const field of ['kind', 'name'] as const) {
    const given = document[field];
    if (given !== undefined && given !== path[field])
      faults.add(at, [{ pointer: `/${field}`, message: `must be "${path[field]}" as in the path, or be left out` }]);
  }
  return { ...document, ...path };
}

function isMet(precondition: Precondition | undefined, before: StoredResource | undefined): boolean {
  if (precondition === undefined) return true;
  if (precondition === 'absent') return before === undefined;
  if (before === undefined) return false;
  return precondition === 'exists' || precondition.revisions.includes(before.revision);
}

function staleText(key: ResourceKey, before: StoredResource | undefined): string {
  return before ? `${key} is at revision ${before.revision}; read it again and retry` : `${key} does not exist`;
}

function usersText(service: string, set: ResourceSet): string[] {
  const users = [...new Set(usersOfService(service, set).map(keyOf))];
  if (users.length === 0) return [];
  const more = users.length > 20 ? ` and ${users.length - 20} more` : '';
  return [`Service/${service} is used by ${users.slice(0, 20).join(', ')}${more}; remove or change them first`];
}

function refuse(code: Refusal['code'], detail: string, issues: readonly Issue[] = []): Plan {
  return { ok: false, refusal: { code, detail, issues } };
}

/** What becomes of a resource and its rollout when somebody writes it, or when its rollout goes on. */
import { isDeepStrictEqual } from 'node:util';
import { percentOf } from '../../shared/resources/rollout-faults.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import { type Crowd, thresholdOf } from './crowd.ts';
import type { Progressing, RolloutState, Version } from './rollout-state.ts';

/** A resource whose rollout is under way. */
export type Rolling = StoredResource & { readonly rollout: Progressing };

export function isRolling(stored: StoredResource | undefined): stored is Rolling {
  return stored?.rollout?.state === 'progressing';
}

/**
 * A resource as it is stored when it is written: with a rollout at its first step when it asks for one and is not what
 * the sidecars had before; who is in that step is found next. `at` is RFC 3339; `atOnce` leaves out the steps.
 */
export function written(
  resource: AnyResource,
  before: StoredResource | undefined,
  at: string,
  atOnce: boolean,
): AnyResource {
  if (resource.kind === 'Instance' || !resource.rollout) return resource;
  const stable = before?.stable ?? null;
  if (stable && isSame(stable, resource)) return withState(resource, { state: 'done', at, revision: stable.revision });
  if (atOnce) return resource;
  const percent = percentOf(resource.rollout.steps[0]!);
  const first = { state: 'progressing', step: 1, percent, threshold: 0, since: at, stable } as const;
  return withState(resource, first);
}

/** With the next step begun, or done after the last one. */
export function advanced({ resource, rollout }: Rolling, crowd: Crowd, at: string): AnyResource {
  const next = resource.rollout?.steps[rollout.step];
  if (next === undefined) return withState(resource, { state: 'done', at, revision: rollout.revision });
  const percent = percentOf(next);
  const threshold = Math.max(thresholdOf(percent, crowd), rollout.threshold);
  return withState(resource, { ...rollout, step: rollout.step + 1, percent, threshold, since: at });
}

/** With sidecars for a step that has none yet. */
export function filled({ resource, rollout }: Rolling, crowd: Crowd): AnyResource {
  return withState(resource, { ...rollout, threshold: thresholdOf(rollout.percent, crowd) });
}

/** With the version from before in force again; where there was none, no sidecar has the resource any more. */
export function rolledBack({ resource, rollout }: Rolling, reason: string, at: string): AnyResource {
  const { step, percent, stable, revision } = rollout;
  const { kind, name, labels, spec, rollout: settings } = resource;
  const failed: Version = { labels, spec, ...(settings ? { rollout: settings } : {}), revision };
  const common = { state: 'rolledBack', step, percent, at, reason, failed } as const;
  if (stable === null) return withState(resource, { ...common, revision, isRestored: false });
  const { revision: stableRevision, ...former } = stable;
  return withState({ kind, name, ...former } as AnyResource, { ...common, revision: stableRevision, isRestored: true });
}

/** A state that is stored for the first time has no revision yet: it is the one of the write. */
function withState(resource: AnyResource, rollout: RolloutState | Omit<Progressing, 'revision'>): AnyResource {
  return { ...resource, status: { rollout } };
}

function isSame({ labels, spec }: Version, resource: AnyResource): boolean {
  return isDeepStrictEqual([labels, spec], [resource.labels, resource.spec]);
}

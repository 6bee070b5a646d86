/**
 * How far the last change of a resource has come, as it stands in `status.rollout` of what is stored: beside the version
 * that is wanted, so that one compare-and-set moves both.
 *
 *   write --> progressing, step 1 --> step 2 --> ... --> done
 *               |  ^ another write: step 1 again, `stable` stays
 *               +--> rolledBack: `stable` is what is wanted again, `failed` what was
 */
import { readResource } from '../../shared/resources/read.ts';
import type { Labels } from '../../shared/resources/resource.ts';
import type { RolloutSettings } from '../../shared/resources/rollout.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';

/** What a resource was at the revision at which it was written. */
export type Version = {
  readonly labels: Labels;
  readonly spec: AnyResource['spec'];
  readonly rollout?: RolloutSettings;
  readonly revision: number;
};

type Step = {
  /** From 1 on. */
  readonly step: number;
  readonly percent: number;
};

export type Progressing = Step & {
  readonly state: 'progressing';
  /** Sidecars of a lower rank have the new version. */
  readonly threshold: number;
  /** RFC 3339; when the step began. */
  readonly since: string;
  /** At which the new version was written. */
  readonly revision: number;
  /** What the other sidecars have; null when they have none. */
  readonly stable: Version | null;
};

export type RolloutState =
  | Progressing
  | { readonly state: 'done'; readonly at: string; readonly revision: number }
  | (Step & {
      readonly state: 'rolledBack';
      readonly at: string;
      readonly reason: string;
      readonly revision: number;
      readonly failed: Version;
      /** The version from before is in force again; false when there was none, so that no sidecar has the resource. */
      readonly isRestored: boolean;
    });

/**
 * The state in a document of the store; null when it has none that makes sense, as after an edit by hand. Its revision
 * is not known before it is stored the first time, and is that of the entry then.
 */
export function readRolloutState(resource: AnyResource, revision: number): RolloutState | null {
  const state = resource.status?.['rollout'] as Partial<RolloutState> | undefined;
  if (typeof state !== 'object' || state === null) return null;
  const read = { ...state, revision: state.revision ?? revision } as RolloutState;
  switch (read.state) {
    case 'done':
      return read;
    case 'rolledBack':
      return isVersion(read.failed, resource) ? read : null;
    case 'progressing':
      return Number.isInteger(read.threshold) && (read.stable === null || isVersion(read.stable, resource))
        ? read
        : null;
    default:
      return null;
  }
}

function isVersion(version: Version | undefined, { kind, name }: AnyResource): boolean {
  return readResource({ kind, name, labels: version?.labels, spec: version?.spec }).ok;
}

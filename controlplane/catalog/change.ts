import type { Issue } from '../../shared/errors/problem.ts';
import type { Kind } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';

/** What a writer knows of the resource it changes: its ETag, that it exists, or that it does not. */
export type Precondition = { readonly revisions: readonly number[] } | 'exists' | 'absent';

export type Change =
  | {
      readonly type: 'put';
      /** Untrusted; `status` and `revision` in it are ignored. */
      readonly document: unknown;
      /** Kind and name when the path tells them; the document may then leave them out. */
      readonly path?: { readonly kind: Kind; readonly name: string };
      readonly precondition?: Precondition;
      /** Leaves a resource that exists as it is, also one that cannot be read. */
      readonly onlyIfMissing?: boolean;
    }
  | {
      readonly type: 'delete';
      readonly kind: Kind;
      readonly name: string;
      readonly precondition?: Precondition;
      /** Leaves a resource that has changed since as it is. */
      readonly onlyAtRevision?: number;
    }
  | {
      /** A rollout goes on or back; not for users. */
      readonly type: 'rollout';
      readonly resource: AnyResource;
      /** Leaves a resource that has changed since as it is. */
      readonly onlyAtRevision: number;
    };

export type Effect = {
  readonly action: 'created' | 'changed' | 'unchanged' | 'removed';
  /** As it is after the change; as it was last when removed. */
  readonly resource: AnyResource;
};

/** What a change does to one resource. */
export type Touch = {
  readonly action: Effect['action'];
  /** As it will be; as it was last when removed. */
  readonly resource: AnyResource;
  /** As it is now, which may be only held. */
  readonly known: { readonly resource: AnyResource } | undefined;
};

/** Who asks for a change. */
export type Author = {
  readonly who: string;
  readonly how: 'token' | 'certificate' | 'anonymous' | 'internal';
  /** Where the request came from. */
  readonly peer: string;
  /** The request, such as `PUT /v1/routes/:name`. */
  readonly action: string;
  /** Why the author may not do this; null when it may. */
  faultOf(touch: Touch): string | null;
};

/** Why nothing was done. */
export type Refusal = {
  readonly code:
    | 'invalid'
    | 'in_use'
    | 'held'
    | 'stale'
    | 'not_found'
    | 'too_large'
    | 'store_full'
    | 'unavailable'
    | 'forbidden';
  readonly detail: string;
  readonly issues: readonly Issue[];
};

export type Outcome =
  /** `revision` is the store revision at which all effects are visible. */
  | { readonly ok: true; readonly revision: number; readonly effects: readonly Effect[] }
  | { readonly ok: false; readonly refusal: Refusal };

export type ApplyOptions = {
  /** Checks and tells the effects, but stores nothing. */
  readonly dryRun?: boolean;
  /** Where each change stands in the request, put before the pointers of its faults; '' when there is only one. */
  readonly pointerOf?: (index: number) => string;
  /** Who wants it, as history tells it. */
  readonly by?: string;
  /** The same in full, held to what it may do; absent for what the control plane does by itself. */
  readonly author?: Author;
  /** Somebody answers for what it takes away: a user who confirmed it, or a sidecar that leaves. */
  readonly isAnsweredFor?: boolean;
  /** Why, for the history. */
  readonly note?: string;
  /** Asked when its turn has come: why it is too late for it by now; null when it is not. */
  readonly tooLate?: () => string | null;
  /** Reaches all sidecars at once, whatever the resources say of their rollout. */
  readonly atOnce?: boolean;
};

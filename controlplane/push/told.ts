import type { Kind } from '../../shared/resources/resource.ts';
import type { StoreEntry } from '../store/store.ts';

export type Laggard = {
  readonly sidecar: string;
  readonly service: string;
  readonly acked: number;
  readonly connected: boolean;
};

export type Refusal = {
  readonly sidecar: string;
  readonly kind: Kind;
  readonly name: string;
  readonly revision: number;
  readonly error: string;
};

/** What a control plane tells of its sidecars. */
export type Telling = {
  /** All but the laggards have answered all up to here. */
  readonly revision: number;
  readonly connected: number;
  readonly laggards: readonly Laggard[];
  /** Sidecars that refuse something. */
  readonly refusing: number;
  /** By them, the latest first; not all, where these are too many. */
  readonly refusals: readonly Refusal[];
  /** Laggards of others that need not be waited for: they are here and up to date, or left the mesh. */
  readonly here: readonly string[];
};

export type Told = Telling & { readonly replica: string };

/** The other control planes of a mesh. */
export type Others = {
  readonly told: readonly Told[];
  /** Some were there before this one, so all sidecars are known to somebody. */
  readonly hasElder: boolean;
};

export const nobodyElse: Others = { told: [], hasElder: false };

const prefix = 'meta/sidecars/';

export function toldKey(replica: string): string {
  return prefix + replica;
}

export function isToldKey(key: string): boolean {
  return key.startsWith(prefix);
}

/** Null for what no control plane of ours wrote, and for what would stay when who wrote it is gone. */
export function readTold({ key, value, lease }: StoreEntry): Told | null {
  if (lease === null) return null;
  try {
    const told = JSON.parse(value) as Telling | null;
    const lists = [told?.laggards, told?.refusals, told?.here];
    const counts = [told?.revision, told?.connected, told?.refusing];
    const isTold = lists.every(Array.isArray) && counts.every(Number.isSafeInteger);
    return isTold ? { ...told!, replica: key.slice(prefix.length) } : null;
  } catch {
    return null;
  }
}

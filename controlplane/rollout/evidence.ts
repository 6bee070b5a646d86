import type { Kind, ResourceKey } from '../../shared/resources/resource.ts';
import type { StoreEntry } from '../store/store.ts';
import { type Crowd, joinCrowds } from './crowd.ts';
import { addFigures, type Figures, noFigures } from './figures.ts';

/** What one control plane sees of a rollout among the sidecars that are connected to it. */
export type Evidence = {
  /** Of the resource as it was stored when the step began. */
  readonly revision: number;
  /** Of the version that is rolled out. */
  readonly version: number;
  /** Sidecars of the step. */
  readonly inStep: number;
  /** Those that have answered it. */
  readonly applied: number;
  /** Of all its sidecars. */
  readonly crowd: Crowd;
  readonly refusal: { readonly sidecar: string; readonly error: string } | null;
  /** Of the sidecars that have the version, since the step began. */
  readonly own: Figures;
  /** Of the others, since the version was written. */
  readonly others: Figures;
};

const prefix = 'meta/rollout/';

export function evidenceKey(key: ResourceKey, replica: string): string {
  return `${prefix}${key}/${replica}`;
}

/** The resource that evidence is about; null for another key. */
export function subjectOf(key: string): ResourceKey | null {
  if (!key.startsWith(prefix)) return null;
  const [kind, name] = key.slice(prefix.length).split('/');
  return `${kind as Kind}/${name}`;
}

/** Null for what no control plane of ours wrote. */
export function readEvidence({ value }: StoreEntry): Evidence | null {
  try {
    const evidence = JSON.parse(value) as Partial<Evidence> | null;
    return evidence?.crowd && evidence.own && evidence.others ? (evidence as Evidence) : null;
  } catch {
    return null;
  }
}

/** What all control planes together see of one step. */
export function sumOf(all: readonly Evidence[]): Omit<Evidence, 'revision' | 'version'> {
  return {
    inStep: all.reduce((sum, { inStep }) => sum + inStep, 0),
    applied: all.reduce((sum, { applied }) => sum + applied, 0),
    crowd: joinCrowds(all.map(({ crowd }) => crowd)),
    refusal: all.find(({ refusal }) => refusal !== null)?.refusal ?? null,
    own: all.reduce((sum, { own }) => addFigures(sum, own), noFigures),
    others: all.reduce((sum, { others }) => addFigures(sum, others), noFigures),
  };
}

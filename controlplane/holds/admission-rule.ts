import { hasOrigin } from './origins.ts';

/** What a sidecar says of the configuration it has. */
export type Origin = {
  /** Id of the mesh it is of; empty when it has none, or does not know. */
  readonly mesh: string;
  readonly revision: number;
};

/** What is known here. */
export type Here = {
  /** Ids of this mesh and of those whose resources this control plane had before its store was replaced. */
  readonly known: ReadonlySet<string>;
  /** Highest revision known here, also of a store before. */
  readonly highestRevision: number;
  /** Configurations that may be replaced, as somebody confirmed. */
  readonly accepted: readonly Origin[];
  /** Configurations that the store lost when it went back. */
  readonly lost: readonly Origin[];
};

/**
 * `serve`: what is here follows what the sidecar has. `ask`: it has heard of a later revision than is known here, so that
 * the store has to say whether it knows that one. Otherwise why the sidecar is left with what it has: a control plane
 * that starts over an emptied store must not empty the mesh.
 */
export function admissionOf(sidecar: Origin, here: Here): 'serve' | 'ask' | { readonly held: string } {
  if (sidecar.mesh === '') return 'serve';
  const isAccepted = here.accepted.some(({ mesh, revision }) => mesh === sidecar.mesh && revision >= sidecar.revision);
  if (isAccepted) return 'serve';
  if (!here.known.has(sidecar.mesh)) return { held: `it has the configuration of another mesh, ${sidecar.mesh}` };
  if (hasOrigin(here.lost, sidecar))
    return { held: `it has revision ${sidecar.revision} of before the store went back` };
  return sidecar.revision <= here.highestRevision ? 'serve' : 'ask';
}

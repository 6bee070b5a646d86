import type { Author, Touch } from '../catalog/change.ts';

type Identity = Pick<Author, 'who' | 'how'>;
/** A new stream comes before the one it replaces is gone. */
type Owner = { readonly id: string; service: string; streams: number };

/**
 * Who is connected by the name of a sidecar, on whichever port. Nobody else is to have the name meanwhile, nor an
 * instance of it: its sidecar would be refused when next it connects.
 */
export class ConnectedNames {
  readonly #owners = new Map<string, Owner>();

  isOfAnother(name: string, who: Identity): boolean {
    const owner = this.#owners.get(name);
    return owner !== undefined && owner.id !== idOf(who);
  }

  /** Gives a stream the name; returns what gives it back. */
  take(name: string, who: Identity, service: string): () => void {
    const owner = this.#owners.get(name) ?? { id: idOf(who), service, streams: 0 };
    owner.service = service;
    owner.streams++;
    this.#owners.set(name, owner);
    return () => {
      if (--owner.streams === 0) this.#owners.delete(name);
    };
  }

  /** Why somebody may not give an instance its name; null when it may. */
  faultOf(who: Identity, { action, resource, known }: Touch): string | null {
    if (resource.kind !== 'Instance' || (action !== 'created' && action !== 'changed')) return null;
    const { name, spec } = resource;
    if (!this.isOfAnother(name, who)) return null;
    const isAsBefore = known?.resource.kind === 'Instance' && known.resource.spec.service === spec.service;
    if (isAsBefore || this.#owners.get(name)?.service === spec.service) return null;
    return `the "name" of Instance/${name} is that of a sidecar that is connected with another identity; choose another`;
  }
}

function idOf({ who, how }: Identity): string {
  return `${how} ${who}`;
}

import type { MeshView } from './mesh-view.ts';
import type { ResourceType } from './resource-type.ts';
import { outbound, outboundListener } from './translate/listeners.ts';
import { Translation, type XdsResource } from './translate/translation.ts';

/** What one node is to have: a view that it shares with all who see the same, and a listener at a port of its own. */
export class NodeView {
  readonly mesh: MeshView;
  readonly #listenerPort: number;
  #listener: XdsResource | null = null;

  constructor(mesh: MeshView, listenerPort: number) {
    this.mesh = mesh;
    this.#listenerPort = listenerPort;
  }

  /** What a client gets that asks for everything there is of a type. */
  names(type: ResourceType): Iterable<string> {
    return this.mesh.names(type);
  }

  /** Null where there is no such resource. */
  get(type: ResourceType, name: string): XdsResource | null {
    if (type !== 'listeners' || name !== outbound) return this.mesh.get(type, name);
    this.#listener ??= new Translation().finish(type, name, outboundListener(this.#listenerPort));
    return this.#listener;
  }
}

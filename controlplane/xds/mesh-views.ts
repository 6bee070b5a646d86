import type { Catalog } from '../catalog/catalog.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { Instances } from './instances.ts';
import { MeshView } from './mesh-view.ts';
import type { NodeFacts } from './node-facts.ts';
import { NodeView } from './node-view.ts';
import { SharedByUsers } from './shared-by-users.ts';
import { MeshConfig } from './translate/mesh-config.ts';

/** What a node has in use, by the keys under which it is shared. */
type InUse = { readonly view: NodeView; readonly ofConfig: string; readonly ofView: string };

/** What was found out about the configuration as it is now. */
type Now = {
  readonly resources: readonly StoredResource[];
  /** Whether what a node has depends on whose application it stands beside. */
  readonly dependsOnCaller: boolean;
  readonly configs: SharedByUsers<MeshConfig>;
  readonly views: SharedByUsers<MeshView>;
  /** Finding out which ones a node has takes a look at each resource. */
  readonly ofNodes: Map<NodeFacts, InUse>;
};

/**
 * The views of the configuration: one for all nodes that are to have the same, as long as one of them is there. Nodes say
 * what they like of themselves, so what was made for those that left must not stay.
 */
export class MeshViews {
  readonly #catalog: Catalog;
  readonly #instances: Instances;
  #now: Now | null = null;

  constructor(catalog: Catalog, instances: Instances) {
    this.#catalog = catalog;
    this.#instances = instances;
  }

  /** Has the configuration looked at again when next somebody asks. */
  clear(): void {
    this.#now = null;
  }

  /** How many there are. */
  get count(): number {
    return this.#now?.views.size ?? 0;
  }

  /** Whoever asks is there until it leaves. */
  of(node: NodeFacts): NodeView {
    this.#now ??= lookAt(this.#catalog);
    const { ofNodes } = this.#now;
    const inUse = ofNodes.get(node) ?? this.#take(node, this.#now);
    ofNodes.set(node, inUse);
    return inUse.view;
  }

  leave(node: NodeFacts): void {
    const inUse = this.#now?.ofNodes.get(node);
    if (!this.#now || !inUse) return;
    const { configs, views, ofNodes } = this.#now;
    ofNodes.delete(node);
    configs.giveBack(inUse.ofConfig);
    views.giveBack(inUse.ofView);
  }

  #take({ id, viewer, listenerPort }: NodeFacts, { resources, dependsOnCaller, configs, views }: Now): InUse {
    const own = resources.map((stored) => stored.forSidecar(id));
    const deviation = own.flatMap((one, i) => (one === resources[i] ? [] : [[i, one?.revision ?? 0]]));
    const ofConfig = JSON.stringify(deviation);
    const ofView = JSON.stringify([viewer.client, dependsOnCaller ? viewer.workload : null, deviation]);
    const config = configs.take(ofConfig, () => new MeshConfig(own.flatMap((one) => one?.resource ?? [])));
    const mesh = views.take(ofView, () => new MeshView(config, this.#instances, viewer));
    return { view: new NodeView(mesh, listenerPort), ofConfig, ofView };
  }
}

function lookAt(catalog: Catalog): Now {
  const resources = (['Service', 'Route', 'Policy'] as const).flatMap((kind) => catalog.sorted(kind));
  const dependsOnCaller = resources.some(
    ({ resource }) =>
      resource.kind === 'Route' &&
      resource.spec.rules.some(({ matches }) => matches.some(({ source }) => source !== undefined)),
  );
  return {
    resources,
    dependsOnCaller,
    configs: new SharedByUsers(),
    views: new SharedByUsers(),
    ofNodes: new Map(),
  };
}

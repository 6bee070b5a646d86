import type { Catalog } from '../catalog/catalog.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { Instances } from './instances.ts';
import { MeshView } from './mesh-view.ts';
import type { NodeFacts } from './node-facts.ts';
import { MeshConfig } from './translate/mesh-config.ts';

/** What was found out about the configuration as it is now. */
type Now = {
  readonly resources: readonly StoredResource[];
  /** Whether what a node has depends on whose application it stands beside. */
  readonly dependsOnCaller: boolean;
  readonly configs: Map<string, MeshConfig>;
  readonly views: Map<string, MeshView>;
  /** The same by node: finding out which one it is takes a look at each resource. */
  readonly ofNodes: WeakMap<NodeFacts, MeshView>;
};

/** The views of the configuration: one for all nodes that are to have the same. */
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

  of(node: NodeFacts): MeshView {
    this.#now ??= lookAt(this.#catalog);
    const { ofNodes } = this.#now;
    const view = ofNodes.get(node) ?? this.#find(node, this.#now);
    ofNodes.set(node, view);
    return view;
  }

  #find({ id, viewer }: NodeFacts, { resources, dependsOnCaller, configs, views }: Now): MeshView {
    const own = resources.map((stored) => stored.forSidecar(id));
    const deviation = own.flatMap((one, i) => (one === resources[i] ? [] : [[i, one?.revision ?? 0]]));
    const ofConfig = JSON.stringify(deviation);
    const workload = dependsOnCaller ? viewer.workload : null;
    const ofView = JSON.stringify([viewer.client, viewer.listenerPort, workload, deviation]);
    const config = configs.get(ofConfig) ?? new MeshConfig(own.flatMap((one) => one?.resource ?? []));
    const view = views.get(ofView) ?? new MeshView(config, this.#instances, viewer);
    configs.set(ofConfig, config);
    views.set(ofView, view);
    return view;
  }
}

function lookAt(catalog: Catalog): Now {
  const resources = (['Service', 'Route', 'Policy'] as const).flatMap((kind) => catalog.sorted(kind));
  const dependsOnCaller = resources.some(
    ({ resource }) =>
      resource.kind === 'Route' &&
      resource.spec.rules.some(({ matches }) => matches.some(({ source }) => source !== undefined)),
  );
  return { resources, dependsOnCaller, configs: new Map(), views: new Map(), ofNodes: new WeakMap() };
}

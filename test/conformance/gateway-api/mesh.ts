import { keyOf, type ResourceKey } from '../../../shared/resources/resource.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { allPairs } from '../../dataplane/filters/filtered.ts';
import { runningWorkers } from '../../dataplane/harness/worker-pool.ts';
import type { Protocol } from '../../dataplane/http2/calling.ts';
import type { Owner } from '../../harness/owner.ts';
import { type Caller, callerAt } from './caller.ts';
import { meshResources } from './corpus.ts';
import { Echoes } from './echo.ts';

/** What callers and servers speak. */
export type Lane = readonly [caller: Protocol | 'grpc', server: Protocol | 'grpc'];

export const lanes: readonly Lane[] = [...allPairs, ['grpc', 'grpc']];

const serverNames = ['echo-v1', 'echo-v2'];
/** A proxy stands beside the callers of each. */
const namespaces = [null, 'mesh', 'consumer'];

/** The servers of a lane, and the proxies of their callers. */
export class Mesh {
  readonly lane: Lane;
  readonly echoes = new Echoes();
  readonly #ports = new Map<string, number>();
  readonly #proxies = new Map<string | null, { readonly call: Caller; configure: Configure }>();
  #applied: readonly ResourceKey[] = [];

  constructor(lane: Lane) {
    this.lane = lane;
  }

  async start(t: Owner): Promise<this> {
    const [caller, server] = this.lane;
    for (const name of serverNames) this.#ports.set(name, await this.echoes.listen(t, server, name));
    const resources = this.#placed(meshResources());
    for (const namespace of namespaces) {
      const { port, configure } = await runningWorkers(t, resources, 1, namespace);
      this.#proxies.set(namespace, { call: await callerAt(t, caller, port), configure });
    }
    return this;
  }

  /** Puts these resources in place of those that were applied before. */
  async apply(resources: readonly AnyResource[]): Promise<void> {
    const keys = resources.map(keyOf);
    const removed = this.#applied.filter((key) => !keys.includes(key));
    const placed = this.#placed(resources);
    await Promise.all([...this.#proxies.values()].map(({ configure }) => configure(placed, removed)));
    this.#applied = keys;
  }

  callerFrom(namespace: string | null): Caller {
    const proxy = this.#proxies.get(namespace);
    if (proxy === undefined) throw new Error(`no caller is in the namespace "${namespace}"`);
    return proxy.call;
  }

  /** With what servers speak here, where they listen, and the order of the documents as age of those that say none. */
  #placed(resources: readonly AnyResource[]): AnyResource[] {
    return resources.map((resource, created) => {
      const placed = { status: { created }, ...resource };
      if (placed.kind === 'Service') return { ...placed, spec: { ...placed.spec, protocol: this.lane[1] } };
      if (placed.kind !== 'Instance') return placed;
      const port = this.#ports.get(placed.labels['server'] ?? '');
      if (port === undefined) throw new Error(`no server stands behind ${placed.name}`);
      return { ...placed, spec: { ...placed.spec, address: '127.0.0.1', port } };
    });
  }
}

type Configure = (changed: readonly AnyResource[], removed: readonly ResourceKey[]) => Promise<unknown>;

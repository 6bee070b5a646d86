import type { Catalog } from '../catalog/catalog.ts';
import { ClientStream } from './client-stream.ts';
import type { WireRequest } from './codec.ts';
import { Instances } from './instances.ts';
import { MeshViews } from './mesh-views.ts';
import { defaultListenerPort, type NodeFacts } from './node-facts.ts';
import type { ResourceType } from './resource-type.ts';
import type { Response, SubscriptionStatus } from './subscription.ts';
import type { LeftOut } from './translate/translation.ts';

export type XdsStatus = {
  readonly items: readonly {
    readonly node: string;
    readonly userAgent: string;
    readonly peer: string;
    readonly types: Partial<Record<ResourceType, SubscriptionStatus>>;
  }[];
  /** What has no equal in xDS, the first 1,000. */
  readonly leftOut: readonly LeftOut[];
};

const mostStreams = 10_000;
const mostLeftOut = 1_000;
/** Sees what every caller may see. */
const everybody: NodeFacts = {
  id: '',
  userAgent: '',
  viewer: { client: 'envoy', workload: null },
  listenerPort: defaultListenerPort,
};

/** One client that is connected. */
export type XdsClient = {
  readonly node: NodeFacts;
  readonly peer: string;
  readonly write: (type: ResourceType, response: Response) => void;
  readonly end: () => void;
};

/** All streams of xDS clients: gives each what changes, once in a turn of the event loop however much it was. */
export class XdsHub {
  readonly #views: MeshViews;
  readonly #streams = new Map<XdsClient, ClientStream>();
  readonly #unsubscribe: () => void;
  #turn: NodeJS.Immediate | null = null;

  constructor(catalog: Catalog) {
    const instances = new Instances(catalog);
    this.#views = new MeshViews(catalog, instances);
    this.#unsubscribe = catalog.subscribe((change) => {
      instances.take(change);
      const { changed, removed } = change;
      const kinds = [...changed.map(({ resource }) => resource.kind), ...removed.map(({ kind }) => kind)];
      if (kinds.some((kind) => kind !== 'Instance')) this.#views.clear();
      this.#turn ??= setImmediate(() => this.#pushAll());
    });
  }

  get connected(): number {
    return this.#streams.size;
  }

  /** Clients that refused the last they were sent of some type. */
  get refusing(): number {
    return [...this.#streams.values()].filter((stream) => stream.isRefusing).length;
  }

  get isFull(): boolean {
    return this.#streams.size >= mostStreams;
  }

  /** How many different meshes the clients are shown. */
  get views(): number {
    return this.#views.count;
  }

  add(client: XdsClient): void {
    this.#streams.set(client, new ClientStream(client.write));
  }

  remove(client: XdsClient): void {
    this.#streams.delete(client);
    this.#views.leave(client.node);
  }

  /** Tells whether the request refused what was sent last. */
  ask(client: XdsClient, type: ResourceType, request: WireRequest): boolean {
    const stream = this.#streams.get(client);
    if (!stream) return false;
    const isRefusal = stream.ask(type, request);
    this.#push(client, stream);
    return isRefusal;
  }

  status(): XdsStatus {
    const items = [...this.#streams].map(([{ node, peer }, { status }]) => ({
      node: node.id,
      userAgent: node.userAgent,
      peer,
      types: status,
    }));
    items.sort((a, b) => (a.node < b.node ? -1 : 1));
    const leftOut = this.#views.of(everybody).mesh.leftOut();
    const byText = new Map(leftOut.map((one) => [JSON.stringify(one), one]));
    return { items, leftOut: [...byText.values()].slice(0, mostLeftOut) };
  }

  close(): void {
    this.#unsubscribe();
    if (this.#turn) clearImmediate(this.#turn);
    for (const client of this.#streams.keys()) client.end();
    this.#streams.clear();
  }

  #pushAll(): void {
    this.#turn = null;
    for (const [client, stream] of this.#streams) this.#push(client, stream);
  }

  #push({ node }: XdsClient, stream: ClientStream): void {
    stream.push(this.#views.of(node));
  }
}

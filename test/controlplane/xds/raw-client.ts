import { aggregatedDiscovery, type WireRequest, type WireResponse } from '../../../controlplane/xds/codec.ts';
import { type ResourceType, resourceTypes, typeUrls } from '../../../controlplane/xds/resource-type.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { readByEnvoy } from './envoy-protos.ts';

const Client = grpc.makeGenericClientConstructor(aggregatedDiscovery, 'AggregatedDiscoveryService');
type Stream = grpc.ClientDuplexStream<Partial<WireRequest>, WireResponse>;

export type Told = {
  readonly type: ResourceType;
  readonly version: string;
  readonly nonce: string;
  readonly names: readonly string[];
};

/** A client of xDS that asks and answers what the test says and nothing by itself. */
export class RawClient {
  readonly told: Told[] = [];
  ended: { readonly code: number; readonly details: string } | null = null;
  readonly #stream: Stream;
  #node: object | null;

  constructor(t: Owner, port: number, node: object = { id: 'raw-1' }, fields: Record<string, string> = {}) {
    const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    t.teardown(() => client.close());
    this.#node = node;
    this.#stream = (client['StreamAggregatedResources'] as (fields: grpc.Metadata) => Stream).call(
      client,
      grpc.Metadata.fromHttp2Headers(fields),
    );
    this.#stream.on('data', (response: WireResponse) => this.told.push(readTold(response)));
    this.#stream.on('error', (error: grpc.ServiceError) => {
      this.ended = { code: error.code, details: error.details };
    });
  }

  ask(type: ResourceType, names: readonly string[], more: Partial<WireRequest> = {}): void {
    const node = this.#node as WireRequest['node'];
    this.#stream.write({ type_url: typeUrls[type], resource_names: names, ...(node ? { node } : {}), ...more });
    this.#node = null;
  }

  /** Takes a response and goes on asking for these names. */
  take({ type, version, nonce }: Told, names: readonly string[] = []): void {
    this.ask(type, names, { version_info: version, response_nonce: nonce });
  }

  refuse({ type, nonce }: Told, message: string, names: readonly string[] = []): void {
    this.ask(type, names, { response_nonce: nonce, error_detail: { code: 3, message } });
  }

  /** The response of this number, from 1. */
  async response(number: number): Promise<Told> {
    return until(() => this.told[number - 1], { what: `response ${number}` });
  }
}

function readTold({ type_url, version_info, nonce, resources }: WireResponse): Told {
  const type = resourceTypes.find((one) => typeUrls[one] === type_url)!;
  const names = resources.map((any) => {
    const { name, cluster_name } = readByEnvoy(any) as { name?: string; cluster_name?: string };
    return (name ?? cluster_name)!;
  });
  return { type, version: version_info, nonce, names };
}

import {
  type DiscoveryClient,
  DiscoveryService,
  type WireHello,
  type WireInstanceName,
  type WireLease,
  type WireRejection,
  type WireSidecarMessage,
  type WireUpdate,
} from '../../shared/discovery/discovery.ts';
import { channelOptions, grpc } from '../../shared/grpc/grpc.ts';
import type { Owner } from '../harness/owner.ts';

export type SidecarOptions = {
  readonly autoAck?: boolean;
  readonly hello?: boolean;
  /** The services that it calls; null for one that gets everything. */
  readonly scope?: readonly string[] | null;
};

/** A client of the push protocol that does what the test says and nothing by itself. */
export class Sidecar {
  readonly client: DiscoveryClient;
  readonly stream: grpc.ClientDuplexStream<WireSidecarMessage, WireUpdate>;
  readonly updates: WireUpdate[] = [];
  readonly documents = new Map<string, { revision: number; spec: Record<string, unknown> }>();
  /** Answers every update at once when set; tells what is refused. */
  autoAck: ((update: WireUpdate) => WireRejection[]) | null;
  ended: { code: number; details: string } | null = null;

  constructor(
    t: Owner,
    address: string,
    name: string,
    { autoAck = true, hello = true, scope = null }: SidecarOptions = {},
  ) {
    this.client = newClient(t, address);
    this.autoAck = autoAck ? () => [] : null;
    this.stream = this.client.stream();
    this.stream.on('data', (update: WireUpdate) => this.#take(update));
    this.stream.on('error', (error: grpc.ServiceError) => {
      this.ended = { code: error.code, details: error.details };
    });
    this.stream.on('end', () => {
      this.ended ??= { code: 0, details: '' };
    });
    if (hello) this.stream.write({ hello: { ...helloOf(name), scoped: scope !== null, services: [...(scope ?? [])] } });
  }

  /** Says which services it calls from now on. */
  call(...services: string[]): void {
    this.stream.write({ scope: { services } });
  }

  ack(update: WireUpdate, rejected: WireRejection[] = []): void {
    this.stream.write({ ack: { revision: update.revision, rejected } });
  }

  #take(update: WireUpdate): void {
    this.updates.push(update);
    if (update.full) this.documents.clear();
    for (const key of update.removed) this.documents.delete(`${key.kind}/${key.name}`);
    for (const { key, document } of update.resources)
      this.documents.set(`${key.kind}/${key.name}`, JSON.parse(document.toString()));
    if (this.autoAck) this.ack(update, this.autoAck(update));
  }
}

export function helloOf(name: string): WireHello {
  return {
    sidecar: name,
    service: name.replace(/-.*/, ''),
    version: '0',
    revision: 0,
    mesh: '',
    scoped: false,
    services: [],
  };
}

export function newClient(t: Owner, address: string): DiscoveryClient {
  const client = new DiscoveryService(address, grpc.credentials.createInsecure(), {
    ...channelOptions,
    'grpc.use_local_subchannel_pool': 1,
  }) as unknown as DiscoveryClient;
  t.teardown(() => client.close());
  return client;
}

export function register(client: DiscoveryClient, document: unknown): Promise<WireLease> {
  return new Promise((resolve, reject) =>
    client.register({ document: Buffer.from(JSON.stringify(document)) }, (error, lease) =>
      error ? reject(error) : resolve(lease!),
    ),
  );
}

export function callInstance(
  client: DiscoveryClient,
  method: 'heartbeat' | 'deregister',
  name: string,
): Promise<WireLease> {
  const request: WireInstanceName = { name };
  return new Promise((resolve, reject) =>
    client[method](request, (error, lease) => (error ? reject(error) : resolve(lease!))),
  );
}

import {
  DiscoveryService,
  type WireEntry,
  type WireHello,
  type WireReport,
  type WireSidecarMessage,
  type WireUpdate,
} from '../../../shared/discovery/discovery.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import type { Owner } from '../../harness/owner.ts';

type Stream = grpc.ServerDuplexStream<WireSidecarMessage, WireUpdate>;

/** The push protocol as a control plane speaks it, and nothing else; notes what sidecars say. */
export class PushPlane {
  readonly hellos: WireHello[] = [];
  /** What each Scope named. */
  readonly scopes: string[][] = [];
  readonly reports: WireReport[] = [];
  /** Id of the mesh; empty for a control plane that knows no scopes. */
  mesh = 'mesh-1';
  /** Scopes get no answer while this is false. */
  answers = true;
  readonly #resources: AnyResource[];
  readonly #streams = new Map<Stream, Set<string>>();
  #server: grpc.Server | null = null;
  #port = 0;
  #revision = 1;

  constructor(resources: readonly AnyResource[]) {
    this.#resources = [...resources];
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Listens; again at the same address after `stop`. */
  async start(): Promise<void> {
    const server = new grpc.Server();
    server.addService(DiscoveryService.service, {
      stream: (stream: Stream) => this.#serve(stream),
      register: (_: unknown, done: grpc.sendUnaryData<object>) => done(null, { revision: 1, leaseSeconds: 15 }),
      heartbeat: (_: unknown, done: grpc.sendUnaryData<object>) => done(null, { revision: 1, leaseSeconds: 15 }),
      deregister: (_: unknown, done: grpc.sendUnaryData<object>) => done(null, { revision: 1, leaseSeconds: 0 }),
    });
    this.#port = await new Promise((resolve, reject) =>
      server.bindAsync(this.address, grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    this.#server = server;
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#server = null;
  }

  /** Adds resources, and sends them to whom they concern. */
  add(...resources: readonly AnyResource[]): void {
    this.#resources.push(...resources);
    this.#revision++;
    for (const [stream, scope] of this.#streams) this.#send(stream, this.#within(scope, resources), { services: [] });
  }

  /** Ends every stream; the sidecars come again. */
  cut(): void {
    for (const stream of this.#streams.keys()) stream.end();
  }

  /** Answers the scopes that were not, and from now on each as it comes. */
  answer(): void {
    this.answers = true;
    const asked = this.scopes.at(-1);
    if (asked) for (const [stream, scope] of this.#streams) this.#follow(stream, scope, asked);
  }

  #serve(stream: Stream): void {
    stream.on('data', ({ hello, scope, report }: WireSidecarMessage) => {
      if (hello) this.#greet(stream, hello);
      if (scope) {
        this.scopes.push(scope.services);
        if (this.answers) this.#follow(stream, this.#streams.get(stream)!, scope.services);
      }
      if (report) this.reports.push(report);
    });
    const leave = () => void this.#streams.delete(stream);
    stream.on('end', leave).on('cancelled', leave).on('error', leave);
  }

  #greet(stream: Stream, hello: WireHello): void {
    this.hellos.push(hello);
    const scope = new Set(hello.services);
    this.#streams.set(stream, scope);
    const isScoped = this.mesh !== '' && hello.scoped;
    const resources = isScoped ? this.#within(scope, this.#resources) : this.#resources;
    this.#send(stream, resources, { full: true, services: isScoped ? hello.services : [] });
  }

  #within(scope: ReadonlySet<string>, resources: readonly AnyResource[]): AnyResource[] {
    return resources.filter((one) => one.kind !== 'Instance' || this.mesh === '' || scope.has(one.spec.service));
  }

  #follow(stream: Stream, scope: Set<string>, services: readonly string[]): void {
    const added = services.filter((service) => !scope.has(service));
    const left = new Set([...scope].filter((service) => !services.includes(service)));
    scope.clear();
    for (const service of services) scope.add(service);
    const instances = this.#resources.filter(({ kind }) => kind === 'Instance');
    const removed = this.#within(left, instances).map(({ kind, name }) => ({ kind, name }));
    this.#send(stream, this.#within(new Set(added), instances), { removed, services: added });
  }

  #send(stream: Stream, resources: readonly AnyResource[], more: Partial<WireUpdate>): void {
    stream.write({
      revision: this.#revision,
      full: false,
      resources: resources.map((resource) => this.#entryOf(resource)),
      removed: [],
      mesh: this.mesh,
      services: [],
      ...more,
    });
  }

  #entryOf(resource: AnyResource): WireEntry {
    const { kind, name } = resource;
    return { key: { kind, name }, revision: this.#revision, document: Buffer.from(JSON.stringify(resource)) };
  }
}

/** Such a control plane with these resources, on a port of its own choice; stops with its owner. */
export async function pushPlane(t: Owner, resources: readonly AnyResource[]): Promise<PushPlane> {
  const plane = new PushPlane(resources);
  t.teardown(() => plane.stop());
  await plane.start();
  return plane;
}

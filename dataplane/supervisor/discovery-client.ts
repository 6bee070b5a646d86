import { connect } from 'node:net';
import type { Log } from '../../observability/logging/log.ts';
import { parseAddress } from '../../shared/discovery/address.ts';
import { discoveryMethods } from '../../shared/discovery/discovery-methods.ts';
import type {
  WireEntry,
  WireKey,
  WireLease,
  WireRejection,
  WireReport,
  WireSidecarMessage,
  WireUpdate,
} from '../../shared/discovery/messages.ts';
import { formatIssues } from '../../shared/errors/problem.ts';
import type { ClientCall } from '../../shared/grpc/client/client-call.ts';
import { GrpcClient } from '../../shared/grpc/client/grpc-client.ts';
import { type CallError, Status } from '../../shared/grpc/status.ts';
import { readResource } from '../../shared/resources/read.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource, InstanceResource } from '../../shared/resources/schema.ts';
import type { ControlPlaneCredentials } from './control-plane-credentials.ts';
import { RefusalPauses } from './refusal-pauses.ts';

/** A change that has been read and checked. */
export type Change = {
  revision: number;
  /** What is not among `resources` is gone, but for what is `rejected`: its last good version stays. */
  full: boolean;
  resources: AnyResource[];
  removed: ResourceKey[];
  rejected: ResourceKey[];
  /** Id of the mesh; empty where it has none. */
  mesh: string;
  /** The control plane tells of the services in the scope only. Changes that are not full do not say it anew. */
  isScoped: boolean;
  /** Services whose instances are here from this change on. */
  services: readonly string[];
};

export type DiscoveryEvents = {
  /** Puts a change in force; resolves with the reason when it cannot be. */
  onChange(change: Change): Promise<string | null>;
  onConnected(isConnected: boolean): void;
  /** The services whose instances are to be sent. */
  scope(): string[];
};

export type DiscoveryOptions = {
  /** Addresses of replicas of one control plane, `HOST:PORT,HOST:PORT`. */
  readonly controlPlane: string;
  readonly sidecar: string;
  readonly service: string;
  readonly version: string;
  /** What the control plane is shown, and known by; null: nothing, in the clear. */
  readonly credentials: ControlPlaneCredentials | null;
};

type PushCall = ClientCall<WireSidecarMessage, WireUpdate>;

const firstBackoffMs = 100;
const mostBackoffMs = 2000;
const callTimeoutMs = 5000;
const mostRejections = 10_000;
const longestError = 4_096;
const mostErrorText = 256 * 1024;

/**
 * The sidecar's end of the push stream. It comes back after every loss, with full jitter so that many sidecars do not
 * come at once, to the next replica of the control plane in an order of its own, and keeps the instance of its application
 * registered.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #events: DiscoveryEvents;
  readonly #log: Log;
  readonly #streamRefusals: RefusalPauses;
  readonly #leaseRefusals: RefusalPauses;
  /** Of the replicas of the control plane; the first one is in use. */
  readonly #addresses: string[];
  #client: GrpcClient;
  #stream: PushCall | null = null;
  #revision = 0;
  #mesh = '';
  /** The scope is still to be told, when the control plane takes more. */
  #isScopeDue = false;
  #failures = 0;
  #isClosed = false;
  #retryTimer: NodeJS.Timeout | null = null;
  #leaseTimer: NodeJS.Timeout | null = null;
  #instance: InstanceResource | null = null;
  /** Updates are put in force one after the other, in the order they came. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: DiscoveryOptions, events: DiscoveryEvents, log: Log) {
    this.#options = options;
    this.#events = events;
    this.#log = log;
    this.#streamRefusals = new RefusalPauses(log, 'the push stream');
    this.#leaseRefusals = new RefusalPauses(log, 'the registration');
    this.#addresses = shuffled(options.controlPlane.split(','));
    this.#client = this.#newClient();
    if (options.credentials)
      options.credentials.onRenewed = (needsConnection) => this.#takeCredentials(needsConnection);
  }

  /** A new certificate is shown on a new connection, a new token with the next call; what was refused is tried again now. */
  #takeCredentials(needsConnection: boolean): void {
    if (this.#isClosed) return;
    this.#streamRefusals.reset();
    this.#leaseRefusals.reset();
    if (needsConnection) {
      const old = this.#client;
      this.#client = this.#newClient();
      this.#stream?.cancel();
      old.close();
    }
    if (this.#retryTimer) {
      clearTimeout(this.#retryTimer);
      this.#connect();
    }
    if (this.#leaseTimer) {
      clearTimeout(this.#leaseTimer);
      void this.#renew(true);
    }
  }

  /** Of several replicas the next one is tried. */
  #useNextReplica(): void {
    if (this.#isClosed || this.#addresses.length < 2) return;
    this.#addresses.push(this.#addresses.shift()!);
    const old = this.#client;
    this.#client = this.#newClient();
    old.close();
  }

  #newClient(): GrpcClient {
    return newClient(this.#addresses[0]!, this.#options.credentials);
  }

  /** `revision` and `mesh` are those of the configuration in force. */
  start(revision: number, mesh: string): void {
    this.#revision = revision;
    this.#mesh = mesh;
    this.#connect();
  }

  #connect(): void {
    this.#retryTimer = null;
    if (this.#isClosed) return;
    const stream = this.#client.call(discoveryMethods.Stream);
    this.#stream = stream;
    const { sidecar, service, version } = this.#options;
    const inForce = { revision: this.#revision, mesh: this.#mesh };
    stream.write({ hello: { sidecar, service, version, ...inForce, scoped: true, services: this.#events.scope() } });
    this.#isScopeDue = false;
    let isOver = false;
    const onOver = (why: string, error: { code?: number; message: string } = { message: why }) => {
      if (isOver) return;
      isOver = true;
      if (this.#stream === stream) this.#stream = null;
      stream.cancel();
      const pauseMs = this.#streamRefusals.after(error);
      if (this.#failures === 0 && !this.#isClosed && pauseMs === null)
        this.#log.warn('the push stream is down, serving what is known', { why });
      this.#events.onConnected(false);
      this.#useNextReplica();
      this.#reconnect(pauseMs);
    };
    stream.on('data', (update: WireUpdate) => {
      if (this.#failures > 0) this.#log.info('the push stream is up again');
      this.#failures = 0;
      this.#streamRefusals.reset();
      this.#events.onConnected(true);
      this.#work = this.#work.then(() => this.#apply(update, stream)).catch((error: unknown) => onOver(String(error)));
    });
    stream.on('drain', () => {
      if (this.#isScopeDue) this.tellScope();
    });
    stream.on('error', (error: CallError) => onOver(error.message, error));
    stream.on('end', () => onOver('the control plane ended it'));
  }

  #reconnect(pauseMs: number | null): void {
    if (this.#isClosed || this.#retryTimer) return;
    const most = Math.min(mostBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures++, 10));
    this.#retryTimer = setTimeout(() => this.#connect(), pauseMs ?? Math.random() * most);
  }

  async #apply(update: WireUpdate, stream: PushCall): Promise<void> {
    const rejected: WireRejection[] = [];
    const resources: AnyResource[] = [];
    for (const entry of update.resources) {
      const read = readEntry(entry);
      if (typeof read === 'string') rejected.push({ key: entry.key, revision: entry.revision, error: read });
      else resources.push(read);
    }
    const removed = update.removed.map(({ kind, name }): ResourceKey => `${kind}/${name}`);
    const refusal = await this.#events.onChange({
      revision: update.revision,
      full: update.full,
      resources,
      removed,
      rejected: rejected.map(({ key }): ResourceKey => `${key.kind}/${key.name}`),
      mesh: update.mesh,
      isScoped: update.mesh !== '' || update.services.length > 0, // an old control plane fills neither
      services: update.services,
    });
    if (refusal === null) {
      this.#revision = update.revision;
      this.#mesh = update.mesh;
    } else {
      const told = new Set(rejected.map(({ key }) => `${key.kind}/${key.name}`));
      const refuse = (key: WireKey, revision: number) => {
        if (!told.has(`${key.kind}/${key.name}`) && rejected.length < mostRejections)
          rejected.push({ key, revision, error: refusal });
      };
      for (const { key, revision } of update.resources) refuse(key, revision);
      for (const key of update.removed) refuse(key, update.revision);
    }
    for (const { key, error } of rejected)
      this.#log.warn('refused a resource', { kind: key.kind, name: key.name, error });
    if (this.#stream === stream) stream.write({ ack: { revision: update.revision, rejected: inBounds(rejected) } });
  }

  // --- what is called -------------------------------------------------------------------------------------------------

  /** Tells the scope as it is now; a stream that is made later begins with it. */
  tellScope(): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#isScopeDue = stream.writableNeedDrain;
    if (!this.#isScopeDue) stream.write({ scope: { services: this.#events.scope() } });
  }

  /** False when the control plane takes no report now. */
  report(report: WireReport): boolean {
    const stream = this.#stream;
    if (stream === null || stream.writableNeedDrain) return false;
    stream.write({ report });
    return true;
  }

  // --- registration -------------------------------------------------------------------------------------------------

  /** Registers the instance and keeps it registered until `deregister`. */
  register(instance: InstanceResource): void {
    this.#instance = instance;
    void this.#renew(true);
  }

  async #renew(isNew: boolean): Promise<void> {
    this.#leaseTimer = null;
    const instance = this.#instance;
    if (instance === null || this.#isClosed) return;
    const lease = instance.spec.leaseSeconds ?? 15;
    let againMs = (lease * 1000) / 3;
    let registersNext = false;
    try {
      if (isNew)
        await this.#call((done) =>
          this.#client.ask(discoveryMethods.Register, { document: Buffer.from(JSON.stringify(instance)) }, done),
        );
      else await this.#call((done) => this.#client.ask(discoveryMethods.Heartbeat, { name: instance.name }, done));
    } catch (error) {
      const { code, message } = error as CallError;
      if (isNew && code === Status.invalidArgument) this.#log.warn('the registration was refused', { why: message });
      registersNext = isNew || code === Status.notFound;
      againMs = registersNext && !isNew ? 0 : Math.min(againMs, 200 + Math.random() * 800);
      againMs = this.#leaseRefusals.after({ code, message }) ?? againMs;
    }
    if (this.#instance !== null && !this.#isClosed)
      this.#leaseTimer = setTimeout(() => void this.#renew(registersNext), againMs);
  }

  /** Takes the instance out of the mesh; gives up quietly when the control plane is away, as the lease ends then. */
  async deregister(): Promise<void> {
    const instance = this.#instance;
    this.#instance = null;
    if (this.#leaseTimer) clearTimeout(this.#leaseTimer);
    if (instance === null) return;
    try {
      await this.#call((done) => this.#client.ask(discoveryMethods.Deregister, { name: instance.name }, done), 1000);
    } catch (error) {
      this.#log.info('could not deregister, the lease will end', { why: (error as Error).message });
    }
  }

  #call(
    start: (done: (error: CallError | null, lease?: WireLease) => void) => { cancel(): void },
    timeoutMs = callTimeoutMs,
  ): Promise<WireLease> {
    return new Promise((resolve, reject) => {
      const call = start((error, lease) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(lease ?? { revision: 0, leaseSeconds: 0 });
      });
      const timer = setTimeout(() => call.cancel(), timeoutMs);
    });
  }

  close(): void {
    this.#isClosed = true;
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    if (this.#leaseTimer) clearTimeout(this.#leaseTimer);
    this.#stream?.cancel();
    this.#client.close();
    this.#options.credentials?.close();
  }
}

function newClient(address: string, credentials: DiscoveryOptions['credentials']): GrpcClient {
  const place = parseAddress(address, '--control-plane');
  return new GrpcClient({
    authority: address,
    connect: () => credentials?.connect(place) ?? connect({ ...place, noDelay: true }),
    fields: () => credentials?.fields ?? [],
  });
}

/** The same in an order of chance, so that sidecars spread over the replicas. */
function shuffled(addresses: readonly string[]): string[] {
  return addresses
    .map((address) => ({ address, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ address }) => address);
}

/** An answer stays below the 4 MB that a control plane takes: the more refusals, the shorter the reason of each. */
function inBounds(rejected: readonly WireRejection[]): WireRejection[] {
  const told = rejected.slice(0, mostRejections);
  const longest = Math.min(longestError, Math.max(64, Math.floor(mostErrorText / told.length)));
  return told.map((one) => ({ ...one, error: one.error.slice(0, longest) }));
}

function readEntry(entry: WireEntry): AnyResource | string {
  let document: unknown;
  try {
    document = JSON.parse(entry.document.toString('utf8'));
  } catch (error) {
    return `not JSON: ${(error as Error).message}`;
  }
  const read = readResource(document);
  return read.ok ? read.value : formatIssues(read.issues);
}

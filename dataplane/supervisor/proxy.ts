import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../observability/logging/log.ts';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import type { ProxyListener } from '../../shared/resources/proxy.ts';
import { keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource, InstanceResource, ProxyDocument } from '../../shared/resources/schema.ts';
import type { AskedRequest } from '../../shared/routing/explain/asked-request.ts';
import type { Explanation } from '../../shared/routing/explain/explanation.ts';
import { type Workload, workloadOf } from '../../shared/routing/source.ts';
import { compactHeap } from '../../shared/runtime/compact-heap.ts';
import { durationMs } from '../../shared/time/duration.ts';
import type { TransportKind } from '../../shared/transport/open.ts';
import { ResourceStore } from '../snapshot/resource-store.ts';
import type { WorkerListener } from '../worker/messages.ts';
import { startAdmin } from './admin.ts';
import type { CallWatch } from './call-watch.ts';
import type { CertificateWatch } from './certificate-files.ts';
import type { ControlPlaneCredentials, CredentialFiles } from './control-plane-credentials.ts';
import type { Change, Discovery } from './discovery-client.ts';
import type { HealthChecks } from './health-checks.ts';
import { policiesThatOutlast } from './idle-times.ts';
import { checkPortsAreFree } from './port-check.ts';
import { Scope } from './scope.ts';
import { SpanExporter } from './span-exporter.ts';
import { StateFile } from './state-file.ts';
import { WorkerPool } from './worker-pool.ts';

export type ProxyOptions = {
  readonly proxy: ProxyDocument;
  /** Resources of a static file. */
  readonly resources: readonly AnyResource[];
  /** Where configuration is pushed from; null with a static file. */
  readonly controlPlane: {
    readonly address: string;
    readonly stateFolder: string;
    /** What it is shown, and known by; null: nothing. */
    readonly credentials: CredentialFiles | null;
    /** Makes the instance to register once the inbound port is known; null registers nothing. */
    instanceAt(inbound: Address): InstanceResource | null;
    /** How long instances of a service are kept that nobody calls; 10 minutes by default. */
    readonly scopeIdleMs?: number;
  } | null;
  readonly version: string;
  /** `handle`, the default, is the quicker one; `socket` keeps to what Node documents. */
  readonly transportKind?: TransportKind;
  /** For tests. */
  readonly checksWrites?: boolean;
  readonly log: Log;
  /** The process can no longer serve. */
  onCrash(error: Error): void;
};

export type RunningProxy = {
  /** Where each listener is bound, by its name. */
  readonly listeners: ReadonlyMap<string, Address>;
  readonly admin: Address | null;
  /** Takes no new connections and lets open exchanges end, for at most the drain timeout. */
  drain(): Promise<void>;
  close(): Promise<void>;
};

const compactAfterMs = 1000;

/** Time that callers get to hear that the instance has left before its port closes. */
const lameDuckMs = 300;

/** Starts a proxy; resolves when it serves. Rejects with one line that says what to change when a port is taken. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const supervisor = new Supervisor(options);
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.close();
    throw error;
  }
  return supervisor;
}

class Supervisor implements RunningProxy {
  readonly #options: ProxyOptions;
  readonly #workload: Workload;
  readonly #workers: WorkerPool;
  readonly #exporter: SpanExporter | null;
  readonly #state: StateFile | null;
  readonly listeners = new Map<string, Address>();
  admin: Address | null = null;
  #closeAdmin: (() => Promise<void>) | null = null;
  readonly #scope: Scope | null;
  #discovery: Discovery | null = null;
  #calls: CallWatch | null = null;
  #health: HealthChecks | null = null;
  #certificateWatch: CertificateWatch | null = null;
  #store = new ResourceStore();
  #revision = 0;
  #mesh = '';
  #hasConfiguration = false;
  #isListening = false;
  #isConnected = false;
  #onFirstConfiguration: (() => void) | null = null;
  #draining: Promise<void> | null = null;

  constructor(options: ProxyOptions) {
    this.#options = options;
    const { spec, name } = options.proxy;
    const { limits, tracing } = spec;
    this.#workload = workloadOf(options.proxy);
    this.#exporter = tracing.endpoint
      ? new SpanExporter(tracing.endpoint, { 'service.name': spec.service ?? name, 'service.instance.id': name })
      : null;
    this.#state = options.controlPlane ? new StateFile(options.controlPlane.stateFolder, name) : null;
    this.#scope = options.controlPlane ? scopeOf(options.proxy, options.controlPlane.scopeIdleMs) : null;
    this.#workers = new WorkerPool(
      {
        workers: spec.workers,
        application:
          spec.appPort === undefined
            ? null
            : { service: spec.service ?? name, address: spec.appAddress, port: spec.appPort },
        limits: {
          headBytes: limits.headBytes,
          headerCount: limits.headerCount,
          targetBytes: limits.targetBytes,
          connections: limits.connections,
          handshakeTimeoutMs: durationMs(limits.handshakeTimeout),
          headTimeoutMs: durationMs(limits.headTimeout),
          detectTimeoutMs: durationMs(limits.detectTimeout),
          keepAliveTimeoutMs: durationMs(limits.keepAliveTimeout),
          requestsPerConnection: limits.requestsPerConnection,
          bodyBytes: limits.bodyBytes,
          halfClose: limits.halfClose,
          bufferBytes: limits.bufferBytes,
          replayBytes: limits.replayBytes,
          http2: limits.http2,
        },
        workload: this.#workload,
        zone: spec.zone ?? null,
        transportKind: options.transportKind ?? 'handle',
        checksWrites: options.checksWrites ?? false,
        sampleRatio: tracing.sampleRatio,
        recordsSpans: this.#exporter !== null,
      },
      {
        onSpans: (spans) => this.#exporter?.add(spans),
        onProblem: (what, message) => options.log.warn(what, { message }),
        onBreaker: (notice) => options.log[notice.to === 'closed' ? 'info' : 'warn']('breaker', notice),
        onAsked: (service) => this.#calls?.onAsked(service),
        onCrash: (error) => options.onCrash(error),
      },
    );
  }

  async start(): Promise<void> {
    const { proxy, controlPlane } = this.#options;
    await checkPortsAreFree(proxy.spec);
    await this.#startAdmin();
    if (controlPlane === null) await this.#applyStatic();
    else await this.#firstConfiguration(controlPlane.address, controlPlane.credentials);
    await this.#listen();
    // When the stream and the registration are up; this thread carries no requests, so it may pause now.
    setTimeout(compactHeap, compactAfterMs).unref();
    const inbound = proxy.spec.listeners.find(({ direction }) => direction === 'inbound');
    const instance = inbound && controlPlane?.instanceAt(this.listeners.get(inbound.name)!);
    if (instance) this.#discovery?.register(instance);
  }

  async #startAdmin(): Promise<void> {
    const { admin } = this.#options.proxy.spec;
    if (!admin) return;
    const address = { host: admin.address, port: admin.port };
    try {
      const started = await startAdmin(address, {
        notReady: () => this.#notReady(),
        metrics: () => this.#metrics(),
        snapshot: () => this.#describe(),
        explain: (request) => this.#explain(request),
        drain: () => void this.drain(),
      });
      this.admin = started.address;
      this.#closeAdmin = started.close;
    } catch (error) {
      throw listenError(error, address, '--admin');
    }
  }

  async #listen(): Promise<void> {
    const { listeners } = this.#options.proxy.spec;
    const shown = await this.#certificates(listeners);
    try {
      const ports = await this.#workers.listen(shown);
      listeners.forEach(({ name, address }, i) => {
        this.listeners.set(name, { host: address, port: ports[i]! });
      });
      this.#isListening = true;
    } catch (error) {
      const failed = listeners.find(({ name }) => name === (error as { listener?: string }).listener) ?? listeners[0]!;
      throw listenError(error, { host: failed.address, port: failed.port }, `--${failed.direction}`);
    }
  }

  /** The listeners with what they show; TLS is loaded only where one of them speaks it. */
  async #certificates(listeners: readonly ProxyListener[]): Promise<readonly WorkerListener[]> {
    if (listeners.every(({ tls }) => tls === undefined)) return listeners;
    const { CertificateWatch, readCertificate } = await import('./certificate-files.ts');
    const watch = new CertificateWatch(this.#options.log, (listener, shown) =>
      this.#workers.broadcast({ type: 'certificate', listener, shown }),
    );
    this.#certificateWatch = watch;
    await watch.start(listeners);
    return Promise.all(
      listeners.map(async (listener) => {
        const { name, tls } = listener;
        return tls === undefined ? listener : { ...listener, shown: await readCertificate(name, tls) };
      }),
    );
  }

  // --- configuration ------------------------------------------------------------------------------------------------

  async #applyStatic(): Promise<void> {
    const refusal = await this.#apply({
      revision: 1,
      full: true,
      resources: [...this.#options.resources],
      removed: [],
      rejected: [],
      mesh: '',
      isScoped: false,
      services: [],
    });
    if (refusal !== null) throw new Error(`the configuration cannot be used: ${refusal}`);
  }

  /** From disk when there is something, and from the control plane as soon as it answers. */
  async #firstConfiguration(controlPlane: string, files: CredentialFiles | null): Promise<void> {
    const { proxy, log, version } = this.#options;
    await this.#loadState();
    const { Discovery } = await import('./discovery-client.ts');
    const credentials = files && (await openCredentials(files, log));
    const first = new Promise<void>((resolve) => {
      this.#onFirstConfiguration = resolve;
    });
    this.#discovery = new Discovery(
      { controlPlane, sidecar: proxy.name, service: proxy.spec.service ?? '', version, credentials },
      {
        onChange: (change) => this.#apply(change),
        onConnected: (isConnected) => {
          this.#isConnected = isConnected;
          this.#calls?.onConnected(isConnected);
        },
        scope: () => this.#scope!.services,
      },
      log,
    );
    await this.#watchCalls(this.#discovery);
    this.#discovery.start(this.#revision, this.#mesh);
    if (this.#hasConfiguration) return;
    const timer = setTimeout(
      () => log.warn('no configuration yet: the control plane does not answer and none is saved', { controlPlane }),
      3000,
    );
    await first;
    clearTimeout(timer);
  }

  async #watchCalls(discovery: Discovery): Promise<void> {
    const { CallWatch } = await import('./call-watch.ts');
    const { OutboundTraffic } = await import('./outbound-traffic.ts');
    const traffic = new OutboundTraffic(this.#workers.metrics);
    this.#calls = new CallWatch(this.#scope!, traffic, discovery, (message) => this.#workers.broadcast(message));
  }

  async #loadState(): Promise<void> {
    const { log } = this.#options;
    try {
      const saved = await this.#state!.load();
      if (saved === null) return;
      for (const service of saved.services) this.#scope!.call(service);
      const refusal = await this.#apply({
        ...saved,
        full: true,
        resources: [...saved.resources],
        removed: [],
        rejected: [],
      });
      if (refusal === null)
        log.info('started from the saved snapshot', { revision: saved.revision, file: this.#state!.path });
      else log.warn('the saved snapshot cannot be used', { file: this.#state!.path, why: refusal });
    } catch (error) {
      log.warn('the saved snapshot cannot be read', { file: this.#state!.path, why: String(error) });
    }
  }

  /** Puts a change in force in every worker; resolves with the reason when it is refused, and then nothing has changed. */
  async #apply(change: Change): Promise<string | null> {
    const { revision, resources, mesh } = change;
    const removed = change.full ? this.#missingFrom(change) : change.removed;
    const known = this.#scope?.knownAfter(change) ?? null;
    const refusal = await this.#workers.configure({ type: 'configure', revision, resources, removed, known });
    if (refusal !== null) return refusal;
    this.#store = this.#store.with(resources, removed);
    this.#scope?.follow(known);
    this.#revision = revision;
    this.#mesh = mesh;
    this.#hasConfiguration = true;
    this.#onFirstConfiguration?.();
    this.#onFirstConfiguration = null;
    await this.#followHealthChecks();
    this.#warnOfIdleTimes(change);
    const scope = { isScoped: known !== null, services: known ?? this.#scope?.services ?? [] };
    this.#state?.save({ revision, resources: this.#store.all(), mesh, ...scope }, (error) =>
      this.#options.log.warn('the snapshot could not be saved', { file: this.#state?.path, why: String(error) }),
    );
    return null;
  }

  #missingFrom(change: Change): ResourceKey[] {
    const kept = new Set<ResourceKey>([...change.resources.map(keyOf), ...change.rejected]);
    return this.#store.keys().filter((key) => !kept.has(key));
  }

  #warnOfIdleTimes(change: Change): void {
    const { limits } = this.#options.proxy.spec;
    for (const { policy, idleTimeout } of policiesThatOutlast(limits.keepAliveTimeout, change.resources))
      this.#options.log.warn(
        'idle connections are kept for longer than sidecars keep theirs: requests may meet their end',
        {
          policy,
          'connections.idleTimeout': idleTimeout,
          'limits.keepAliveTimeout': limits.keepAliveTimeout,
        },
      );
  }

  /** The checker, and undici with it, is loaded only where an instance asks for it. */
  async #followHealthChecks(): Promise<void> {
    const isAskedFor = [...this.#store.instances()].some(({ spec }) => spec.healthCheck);
    if (!isAskedFor && this.#health === null) return;
    if (this.#health === null) {
      const { HealthChecks } = await import('./health-checks.ts');
      this.#health = new HealthChecks((instance, isHealthy) => {
        this.#workers.broadcast({ type: 'health', instance, isHealthy });
        this.#options.log.info('health check', { instance, isHealthy });
      });
    }
    this.#health.follow(this.#store);
  }

  // --- what the admin port tells ------------------------------------------------------------------------------------

  #notReady(): string | null {
    if (this.#draining) return 'draining';
    if (!this.#hasConfiguration) return 'no configuration yet';
    return this.#isListening ? null : 'not listening yet';
  }

  async #metrics(): Promise<string> {
    const own: string[] = [
      gauge('meshlane_snapshot_revision', 'Revision of the configuration in force.', this.#revision),
      gauge('meshlane_process_resident_memory_bytes', 'Resident memory of the process.', process.memoryUsage.rss()),
    ];
    if (this.#scope) {
      own.push(gauge('meshlane_control_plane_connected', '1 while the push stream is up.', Number(this.#isConnected)));
      const help = 'Services whose instances the control plane is asked for.';
      own.push(gauge('meshlane_scope_services', help, this.#scope.services.length));
    }
    if (this.#exporter) {
      own.push(counter('meshlane_spans_sent_total', 'Spans taken by the trace endpoint.', this.#exporter.sent));
      own.push(
        counter(
          'meshlane_spans_dropped_total',
          'Spans lost because the endpoint was slow or away.',
          this.#exporter.dropped,
        ),
      );
    }
    const { exposeSlots } = await import('../../observability/metrics/exposition.ts'); // 9 MB that only a scrape needs
    return `${await exposeSlots(this.#workers.metrics)}\n${own.join('')}`;
  }

  #describe(): object {
    const { proxy } = this.#options;
    return {
      revision: this.#revision,
      proxy: proxy.name,
      listeners: Object.fromEntries(this.listeners),
      scope: this.#scope && { services: this.#scope.services, known: this.#scope.known },
      resources: this.#store.all(),
    };
  }

  async #explain(request: AskedRequest): Promise<Explanation | null> {
    const { explainLive } = await import('./live-explanation.ts'); // only where somebody asks
    const inForce = { revision: this.#revision, resources: this.#store.all(), workload: this.#workload };
    return explainLive(request, inForce, this.#workers);
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async #drain(): Promise<void> {
    if (this.#discovery) {
      await this.#discovery.deregister();
      await pause(lameDuckMs);
    }
    if (!this.#isListening) return;
    const timeout = new AbortController();
    const drainMs = durationMs(this.#options.proxy.spec.drainTimeout);
    await Promise.race([
      this.#workers.drain(),
      pause(drainMs, undefined, { signal: timeout.signal }).catch(() => undefined),
    ]);
    timeout.abort();
  }

  async close(): Promise<void> {
    this.#calls?.close();
    this.#discovery?.close();
    this.#health?.close();
    this.#certificateWatch?.stop();
    await this.#workers.stop();
    await Promise.all([this.#exporter?.close(), this.#state?.settle(), this.#closeAdmin?.()]);
  }
}

/**
 * The scope that a proxy begins with: services that its listeners name, as their connections cannot be told to come again,
 * and its own where zones count, as a zone's share of the traffic goes by the callers in it.
 */
function scopeOf({ spec }: ProxyDocument, idleMs: number | undefined): Scope {
  const named = spec.listeners.flatMap(({ service }) => service ?? []);
  const own = spec.zone !== undefined && spec.service !== undefined ? [spec.service] : [];
  return new Scope({
    always: [...named, ...own],
    now: () => performance.now(),
    random: Math.random,
    ...(idleMs === undefined ? {} : { idleMs }),
  });
}

function gauge(name: string, help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`;
}

function counter(name: string, help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${name} ${value}\n`;
}

/** A sidecar without them does without their module. */
async function openCredentials(files: CredentialFiles, log: Log): Promise<ControlPlaneCredentials> {
  const { ControlPlaneCredentials: Opened } = await import('./control-plane-credentials.ts');
  return Opened.open(files, log);
}

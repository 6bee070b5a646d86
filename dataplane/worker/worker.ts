import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { SlotTable } from '../../observability/metrics/slots.ts';
import { randomUint32 } from '../../observability/tracing/trace-context.ts';
import { compactHeap } from '../../shared/runtime/compact-heap.ts';
import { threadClockOffsetMs } from '../../shared/time/thread-clock.ts';
import { TimerWheel, WheelTimer } from '../../shared/time/timer-wheel.ts';
import { AwaitedEndpoints } from '../cluster/awaited-endpoints.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import { Buckets } from '../filters/rate-limit/buckets.ts';
import { Http1UpstreamConnection } from '../http1/upstream-connection.ts';
import { connectHttp2 } from '../http2/upstream-connecting.ts';
import { ConnectionCount } from '../listener/connection-count.ts';
import { ConnectionShare } from '../listener/connection-share.ts';
import { HandOver } from '../listener/hand-over.ts';
import { Listener } from '../listener/listener.ts';
import { ListenerStats } from '../listener/listener-stats.ts';
import type { ServerCertificate, TlsAcceptor } from '../listener/tls-acceptor.ts';
import type { WorkerPipes } from '../listener/worker-pipes.ts';
import { MirrorRoom } from '../pipeline/mirror-room.ts';
import { TraceMarks } from '../pipeline/trace-marks.ts';
import { type CompileContext, compileSnapshot } from '../snapshot/compile.ts';
import { OwnListeners } from '../snapshot/own-listeners.ts';
import { ResourceStore } from '../snapshot/resource-store.ts';
import { OutBuffer } from '../transport/out-buffer.ts';
import { WriteBatch } from '../transport/write-batch.ts';
import { type EndpointPool, Pool, type PoolSettings } from '../upstream/pool.ts';
import type { Place } from '../upstream/pooled-endpoint.ts';
import { SharedPool } from '../upstream/shared-pool.ts';
import { BreakerLog } from './breaker-log.ts';
import { Closings } from './closings.ts';
import type { FromWorker, ToWorker, WorkerListener, WorkerOptions } from './messages.ts';
import { SpanBatch } from './span-batch.ts';
import type { WorkerContext } from './worker-context.ts';

/**
 * One worker: its listeners, its pools, its snapshot. It shares nothing with the others but the memory of metrics, which the
 * supervisor reads, and that of rate limits.
 */
class Worker {
  readonly #port: MessagePort;
  #store = new ResourceStore();
  readonly #compileContext: CompileContext;
  readonly #context: WorkerContext;
  readonly #listeners: Listener[] = [];
  readonly #acceptors = new Map<string, TlsAcceptor>();
  readonly #spans: SpanBatch;
  readonly #ownListeners = new OwnListeners();
  readonly #health = new Map<string, boolean>();
  readonly #outlierTimer = new WheelTimer(() => this.#advanceOutliers());
  readonly #metrics: SlotTable;
  readonly #options: WorkerOptions;
  /** To the other workers. */
  #pipes: WorkerPipes | null = null;

  constructor(port: MessagePort, options: WorkerOptions, out: OutBuffer) {
    this.#port = port;
    this.#options = options;
    this.#spans = new SpanBatch((spans) => this.#send({ type: 'spans', spans }));
    let nowMs = performance.now();
    const wheel = new TimerWheel(() => (nowMs = performance.now()));
    const metrics = new SlotTable(options.metrics, (series) => this.#send({ type: 'series', series }));
    this.#metrics = metrics;
    const breakerLog = new BreakerLog(
      wheel,
      () => nowMs,
      (notice) => this.#send({ type: 'breaker', notice }),
    );
    const clockOffsetMs = threadClockOffsetMs();
    this.#compileContext = {
      metrics,
      makePool: (endpoint, settings, place) => this.#makePool(endpoint, settings, place),
      now: () => nowMs,
      random: randomUint32,
      workers: options.workers,
      application: options.application,
      workload: options.workload,
      zone: options.zone,
      ownListeners: this.#ownListeners,
      onBreaker: (owner, cause) => breakerLog.add(owner, cause),
      buckets: new Buckets(options.buckets, clockOffsetMs),
    };
    this.#context = {
      snapshot: compileSnapshot(this.#store, 0, null, this.#compileContext),
      isDraining: false,
      limits: options.limits,
      transportKind: options.transportKind,
      sampleRatio: options.sampleRatio,
      recordsSpans: options.recordsSpans,
      wheel,
      out,
      batch: new WriteBatch(),
      traceMarks: new TraceMarks(options.traceMarks, clockOffsetMs),
      closings: new Closings(metrics),
      mirrorRoom: new MirrorRoom(),
      awaited: new AwaitedEndpoints((service) => this.#send({ type: 'asked', service })),
      now: () => nowMs,
      tick: () => {
        nowMs = performance.now();
      },
      onSpan: (span) => this.#spans.add(span),
      onProblem: (what, error) => this.#send({ type: 'problem', what, message: String(error) }),
    };
    wheel.start();
    port.on('message', (message: ToWorker) => this.#onMessage(message));
  }

  #makePool(endpoint: Endpoint, settings: PoolSettings, { protocol, workers }: Place): EndpointPool {
    const { now } = this.#compileContext;
    const connect = (pool: Pool) => new Http1UpstreamConnection(this.#context, pool);
    const exclusive = new Pool(endpoint, settings, connect, now);
    if (protocol === 'http1') return exclusive;
    const connectShared = (pool: SharedPool) => connectHttp2(this.#context, pool);
    return new SharedPool(endpoint, settings, { connect: connectShared, tunnels: exclusive, spread: workers, now });
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  #onMessage(message: ToWorker): void {
    this.#context.tick();
    switch (message.type) {
      case 'configure':
        return this.#configure(message);
      case 'unanswered':
        return this.#context.awaited.settleAll();
      case 'connect':
        return void this.#connect(message);
      case 'receive':
        return void this.#receive(message);
      case 'listen':
        return void this.#listen(message);
      case 'certificate':
        return this.#acceptors.get(message.listener)?.show(message.shown);
      case 'health':
        if (message.isHealthy) this.#health.delete(message.instance);
        else this.#health.set(message.instance, false);
        return this.#applyHealth();
      case 'explain':
        return void this.#explain(message);
      case 'drain':
        return void this.#drain();
      case 'stop':
        for (const listener of this.#listeners) listener.destroy();
        this.#spans.flush();
        this.#port.close();
        return process.exit(0); // of this thread: pooled connections would keep it
    }
  }

  #configure(message: ToWorker & { type: 'configure' }): void {
    try {
      const store = this.#store.with(message.resources, message.removed, message.known);
      this.#compile(store, message.revision);
      this.#store = store;
      this.#send({ type: 'configured', revision: message.revision });
    } catch (error) {
      return this.#send({ type: 'refused', revision: message.revision, error: String(error) });
    }
    this.#context.awaited.settle((service) => this.#store.knowsInstancesOf(service));
  }

  #compile(store: ResourceStore, revision: number): void {
    this.#context.snapshot = compileSnapshot(store, revision, this.#context.snapshot, this.#compileContext);
    this.#applyHealth();
    this.#advanceOutliers();
  }

  #applyHealth(): void {
    const { snapshot, now } = this.#context;
    for (const endpoint of snapshot.endpoints.values())
      endpoint.setHealthy(this.#health.get(endpoint.name) ?? true, now());
  }

  #advanceOutliers(): void {
    const { snapshot, wheel, now } = this.#context;
    const nextMs = snapshot.advanceOutliers(now());
    if (nextMs < Number.POSITIVE_INFINITY) wheel.arm(this.#outlierTimer, nextMs);
  }

  /** Loaded only where somebody asks. */
  async #explain({ id, request }: ToWorker & { type: 'explain' }): Promise<void> {
    const { liveRule } = await import('./live-rule.ts');
    this.#send({ type: 'explained', id, live: liveRule(this.#context.snapshot, request, this.#context.now()) });
  }

  /** Loaded only where there are several workers. */
  async #openPipes(): Promise<WorkerPipes | null> {
    const { openPipes } = await import('../listener/worker-pipes.ts');
    this.#pipes ??= openPipes((place, connection) => this.#listeners[place]!.adopt(connection));
    return this.#pipes;
  }

  async #connect({ to, path }: ToWorker & { type: 'connect' }): Promise<void> {
    const pipes = await this.#openPipes();
    this.#send({ type: 'connected', isDone: (await pipes?.connect(to, path)) ?? false });
  }

  async #receive({ fd }: ToWorker & { type: 'receive' }): Promise<void> {
    const pipes = await this.#openPipes();
    this.#send({ type: 'receiving', isDone: pipes?.receive(fd) ?? false });
  }

  async #listen({ listeners, isShared, counts, shares }: ToWorker & { type: 'listen' }): Promise<void> {
    compactHeap();
    const { index, workers } = this.#options;
    const ports: number[] = [];
    for (const [place, settings] of listeners.entries()) {
      const { name, address, port, direction, shown } = settings;
      const count = new ConnectionCount(counts, place, this.#context.limits.connections);
      const stats = new ListenerStats(this.#metrics, { listener: name, direction }, index);
      const tls = shown === undefined ? null : await this.#acceptor(settings, shown);
      const handOver =
        shares === null || this.#pipes === null
          ? null
          : new HandOver(new ConnectionShare(shares, place, workers, index), this.#pipes, place);
      const listener = new Listener(this.#context, settings, count, stats, tls, handOver);
      this.#listeners.push(listener);
      try {
        const bound = await listener.listen(address, port, isShared);
        ports.push(bound);
        this.#ownListeners.add(direction, { host: address, port: bound });
      } catch (error) {
        const { code = '', message } = error as NodeJS.ErrnoException;
        return this.#send({ type: 'listen-failed', listener: name, code, message });
      }
    }
    this.#compile(this.#store, this.#context.snapshot.revision); // again, now that the ports are known
    this.#send({ type: 'listening', ports });
  }

  /** TLS is loaded only where a listener speaks it. */
  async #acceptor({ name, protocol }: WorkerListener, shown: ServerCertificate): Promise<TlsAcceptor> {
    const { TlsAcceptor } = await import('../listener/tls-acceptor.ts');
    const acceptor = new TlsAcceptor(this.#context, shown, protocol);
    this.#acceptors.set(name, acceptor);
    return acceptor;
  }

  async #drain(): Promise<void> {
    this.#context.isDraining = true;
    await Promise.all(this.#listeners.map((listener) => listener.drain()));
    this.#spans.flush();
    this.#send({ type: 'drained' });
  }
}

if (parentPort === null) throw new Error('worker.ts runs in a worker thread');
const options = workerData as WorkerOptions;
new Worker(parentPort, options, options.checksWrites ? await checkedBuffer() : new OutBuffer());

async function checkedBuffer(): Promise<OutBuffer> {
  const { CheckedOutBuffer } = await import('../transport/checked-out-buffer.ts');
  return new CheckedOutBuffer();
}

import { Worker } from 'node:worker_threads';
import { newSlotMemory, SlotReader } from '../../observability/metrics/slots.ts';
import type { SpanTexts } from '../../observability/tracing/otlp-json.ts';
import type { AskedRequest } from '../../shared/routing/explain/asked-request.ts';
import type { LiveRule } from '../../shared/routing/explain/explanation.ts';
import type { TransportKind } from '../../shared/transport/open.ts';
import { newBucketMemory } from '../filters/rate-limit/buckets.ts';
import { newConnectionCounts } from '../listener/connection-count.ts';
import { newConnectionShares } from '../listener/connection-share.ts';
import { newTraceMarkMemory } from '../pipeline/trace-marks.ts';
import type { BreakerNotice } from '../worker/breaker-log.ts';
import type { FromWorker, ToWorker, WorkerListener, WorkerOptions } from '../worker/messages.ts';

export type WorkerPoolEvents = {
  onSpans(spans: SpanTexts): void;
  onProblem(what: string, message: string): void;
  onBreaker(notice: BreakerNotice): void;
  /** Requests wait for the instances of a service. */
  onAsked(service: string): void;
  /** A worker ended by itself: the process cannot serve as it should any more. */
  onCrash(error: Error): void;
};

/** Little is allocated per request, so a larger nursery only takes memory: 8 MB less RSS at the same rate. */
const youngGenerationMb = 6;

type Configure = ToWorker & { type: 'configure' };

/** A question to the workers and who has not answered it. */
type Waiting = {
  accept(message: FromWorker): boolean;
  readonly missing: Set<Member>;
  readonly answers: FromWorker[];
  resolve(answers: FromWorker[]): void;
};

type Member = { readonly worker: Worker; readonly metrics: SlotReader };

/** The worker threads of a proxy as one. */
export class WorkerPool {
  readonly #members: Member[] = [];
  readonly #events: WorkerPoolEvents;
  readonly #waiting = new Set<Waiting>();
  readonly #transportKind: TransportKind;
  #isStopping = false;
  #lastId = 0;

  constructor(options: Omit<WorkerOptions, 'index' | 'metrics' | 'buckets' | 'traceMarks'>, events: WorkerPoolEvents) {
    this.#events = events;
    this.#transportKind = options.transportKind;
    const shared = { buckets: newBucketMemory(), traceMarks: newTraceMarkMemory() };
    for (let index = 0; index < options.workers; index++)
      this.#spawn({ ...options, index, metrics: newSlotMemory(), ...shared });
  }

  get metrics(): readonly SlotReader[] {
    return this.#members.map(({ metrics }) => metrics);
  }

  #spawn(options: WorkerOptions): void {
    const worker = new Worker(new URL('../worker/main.mjs', import.meta.url), {
      workerData: options,
      name: `worker-${options.index}`,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    const member: Member = { worker, metrics: new SlotReader(options.metrics) };
    this.#members.push(member);
    worker.on('message', (message: FromWorker) => this.#onMessage(member, message));
    worker.on('error', (error: Error) => this.#events.onCrash(error));
    worker.on('exit', (code) => {
      this.#forget(member);
      if (!this.#isStopping) this.#events.onCrash(new Error(`worker ${options.index} ended with code ${code}`));
    });
  }

  #onMessage(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'series':
        return member.metrics.add(message.series);
      case 'spans':
        return this.#events.onSpans(message.spans);
      case 'problem':
        return this.#events.onProblem(message.what, message.message);
      case 'breaker':
        return this.#events.onBreaker(message.notice);
      case 'asked':
        return this.#events.onAsked(message.service);
      default:
        for (const waiting of [...this.#waiting]) if (waiting.accept(message)) this.#answer(waiting, member, message);
    }
  }

  broadcast(message: ToWorker): void {
    for (const { worker } of this.#members) worker.postMessage(message);
  }

  /** Resolves when every worker has answered with what `accept` takes, or has ended. */
  #answers(
    accept: (message: FromWorker) => boolean,
    members: readonly Member[] = this.#members,
  ): Promise<FromWorker[]> {
    return new Promise((resolve) => {
      if (members.length === 0) resolve([]);
      else this.#waiting.add({ accept, missing: new Set(members), answers: [], resolve });
    });
  }

  #answer(waiting: Waiting, member: Member, message: FromWorker | null): void {
    if (!waiting.missing.delete(member)) return;
    if (message !== null) waiting.answers.push(message);
    if (waiting.missing.size > 0) return;
    this.#waiting.delete(waiting);
    waiting.resolve(waiting.answers);
  }

  /** A worker that has ended answers nothing any more. */
  #forget(member: Member): void {
    const place = this.#members.indexOf(member);
    if (place !== -1) this.#members.splice(place, 1);
    for (const waiting of [...this.#waiting]) this.#answer(waiting, member, null);
  }

  /** Hands an update to all workers; resolves with the reason of the first that refused it, or null when all run it. */
  async configure(update: Configure): Promise<string | null> {
    const answered = this.#answers(
      (message) =>
        (message.type === 'configured' || message.type === 'refused') && message.revision === update.revision,
    );
    this.broadcast(update);
    for (const answer of await answered) if (answer.type === 'refused') return answer.error;
    return null;
  }

  /** Opens the listeners in every worker; resolves with their ports. The first worker settles what port 0 becomes. */
  async listen(listeners: readonly WorkerListener[]): Promise<readonly number[]> {
    const isShared = this.#members.length > 1;
    const counts = newConnectionCounts(listeners.length);
    const shares = (await this.#link()) ? newConnectionShares(listeners.length, this.#members.length) : null;
    const [first, ...others] = this.#members;
    const message = { type: 'listen', listeners, isShared, counts, shares } as const;
    const ports = await this.#listenIn([first!], message);
    const settled = listeners.map((listener, i) => ({ ...listener, port: ports[i]! }));
    if (others.length > 0) await this.#listenIn(others, { ...message, listeners: settled });
    return ports;
  }

  /** Connects the workers with each other, so that they can give each other connections; false when they keep theirs. */
  async #link(): Promise<boolean> {
    const members = [...this.#members];
    if (members.length < 2 || this.#transportKind === 'socket') return false;
    const { linkWorkers, mostLinkedWorkers } = await import('./worker-links.ts');
    if (members.length > mostLinkedWorkers) return false;
    try {
      await linkWorkers(members.length, {
        connect: (from, to, path) => this.#ask(members[from]!, { type: 'connect', to, path }, 'connected'),
        receive: (to, fd) => this.#ask(members[to]!, { type: 'receive', fd }, 'receiving'),
      });
      return true;
    } catch (error) {
      this.#events.onProblem('workers keep the connections that they accept', String(error));
      return false;
    }
  }

  /** Resolves with false when the worker could not, or has ended. */
  async #ask(member: Member, message: ToWorker, type: 'connected' | 'receiving'): Promise<boolean> {
    const answered = this.#answers((answer) => answer.type === type, [member]);
    member.worker.postMessage(message);
    const [answer] = (await answered) as (FromWorker & { type: typeof type })[];
    return answer?.isDone ?? false;
  }

  async #listenIn(members: readonly Member[], message: ToWorker & { type: 'listen' }): Promise<readonly number[]> {
    const answered = this.#answers((answer) => answer.type === 'listening' || answer.type === 'listen-failed', members);
    for (const { worker } of members) worker.postMessage(message);
    let ports: readonly number[] = [];
    for (const answer of await answered) {
      if (answer.type === 'listen-failed')
        throw Object.assign(new Error(answer.message), { code: answer.code, listener: answer.listener });
      if (answer.type === 'listening') ports = answer.ports;
    }
    return ports;
  }

  /** Asks the first worker what would become of a request; null when it ends before it answers. */
  async explain(request: AskedRequest): Promise<LiveRule | null> {
    const [first] = this.#members;
    if (first === undefined) return null;
    const id = ++this.#lastId;
    const answered = this.#answers((message) => message.type === 'explained' && message.id === id, [first]);
    first.worker.postMessage({ type: 'explain', id, request } satisfies ToWorker);
    const [answer] = await answered;
    return answer?.type === 'explained' ? answer.live : null;
  }

  /** Resolves when no worker has an open connection any more. */
  async drain(): Promise<void> {
    const answered = this.#answers((message) => message.type === 'drained');
    this.broadcast({ type: 'drain' });
    await answered;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.broadcast({ type: 'stop' });
    const ended = this.#members.map(
      ({ worker }) => new Promise<void>((resolve) => worker.once('exit', () => resolve())),
    );
    const timer = setTimeout(() => {
      for (const { worker } of this.#members) void worker.terminate();
    }, 1000);
    await Promise.all(ended);
    clearTimeout(timer);
  }
}

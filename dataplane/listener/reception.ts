import type { ProxyListener } from '../../shared/resources/proxy.ts';
import type { Transport } from '../../shared/transport/transport.ts';
import { Http1DownstreamConnection } from '../http1/downstream-connection.ts';
import { Http2DownstreamConnection } from '../http2/downstream-connection.ts';
import type { Rule } from '../pipeline/rule.ts';
import { TcpDownstreamConnection } from '../tcp/downstream-connection.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { type CallerSettings, Callers } from './callers.ts';
import { isSpokenFirst } from './first-speaker.ts';
import { type DetectedProtocol, ProtocolDetector } from './protocol-detector.ts';
import { TcpTargets } from './tcp-targets.ts';

export type ListenerSettings = CallerSettings & Pick<ProxyListener, 'connect' | 'protocol' | 'service'>;

/** A connection whose bytes are read by somebody. */
type Served = { drain(): void; destroy(): void };

const nothing = Buffer.alloc(0);

/** Finds out what the connections of a listener speak, and has them served. */
export class Reception {
  readonly #context: WorkerContext;
  readonly #settings: ListenerSettings;
  readonly #callers: Callers;
  readonly #tcpTargets: TcpTargets;
  readonly #takesTls: boolean;
  readonly #onGone: () => void;
  readonly #connections = new Set<Served>();
  #isDraining = false;

  /** `onGone` is called for each connection that has ended. */
  constructor(context: WorkerContext, settings: ListenerSettings, isSecured: boolean, onGone: () => void) {
    this.#context = context;
    this.#settings = settings;
    this.#callers = new Callers(settings, isSecured ? 'https' : 'http');
    this.#tcpTargets = new TcpTargets(context, settings);
    this.#takesTls = settings.direction === 'outbound' && !isSecured;
    this.#onGone = onGone;
  }

  get isEmpty(): boolean {
    return this.#connections.size === 0;
  }

  drain(): void {
    this.#isDraining = true;
    for (const connection of this.#connections) connection.drain();
  }

  destroy(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Takes a connection; `agreed` is what a handshake has settled, null where the first bytes tell. */
  take(transport: Transport, agreed: 'http1' | 'http2' | null): void {
    const { protocol } = this.#settings;
    if (protocol === 'http1' || protocol === 'http2') return this.#serveHttp(transport, protocol, nothing, false);
    if (this.#tcpTargets.takesAll) return this.#serveTcp(transport, this.#tcpTargets.named, nothing, false);
    if (agreed !== null) return this.#serveHttp(transport, agreed, nothing, false);
    const other = this.#tcpTargets.forOtherBytes;
    if (other !== null && isSpokenFirst(other)) return this.#serveTcp(transport, other, nothing, false);
    this.#detect(transport, other);
  }

  #detect(transport: Transport, other: Rule | null): void {
    const detector: ProtocolDetector = new ProtocolDetector(
      this.#context,
      transport,
      this.#takesTls,
      other,
      (detected) => {
        this.#connections.delete(detector);
        this.#serve(transport, detected, detector);
      },
      () => this.#onServed(detector),
    );
    this.#enter(detector);
  }

  #serve(transport: Transport, detected: DetectedProtocol, found: ProtocolDetector): void {
    const { early, hasEnded, serverName } = found;
    switch (detected) {
      case 'tls':
        return this.#serveTcp(transport, this.#tcpTargets.forTls(serverName), early, hasEnded);
      case 'other':
        return this.#serveTcp(transport, this.#tcpTargets.forOtherBytes, early, hasEnded);
      default:
        return this.#serveHttp(transport, detected, early, hasEnded);
    }
  }

  #serveHttp(transport: Transport, protocol: 'http1' | 'http2', early: Buffer, hasEnded: boolean): void {
    const caller = this.#callers.at(transport.remoteAddress);
    const Connection = protocol === 'http2' ? Http2DownstreamConnection : Http1DownstreamConnection;
    const connection = new Connection(this.#context, transport, this.#settings, caller, (closed) =>
      this.#onServed(closed),
    );
    this.#enter(connection);
    if (early.length > 0) connection.readEarly(early);
    if (hasEnded) connection.onEnd();
  }

  #serveTcp(transport: Transport, rule: Rule | null, early: Buffer, hasEnded: boolean): void {
    const caller = this.#callers.at(transport.remoteAddress);
    const { direction } = this.#settings;
    const connection = new TcpDownstreamConnection(this.#context, transport, direction, caller, rule, (closed) =>
      this.#onServed(closed),
    );
    this.#enter(connection);
    connection.begin(early, hasEnded);
  }

  #enter(connection: Served): void {
    this.#connections.add(connection);
    if (this.#isDraining) connection.drain();
  }

  #onServed(connection: Served): void {
    this.#connections.delete(connection);
    this.#onGone();
  }
}

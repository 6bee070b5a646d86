import type { ProxyListener } from '../../shared/resources/proxy.ts';
import type { ServiceProtocol } from '../../shared/resources/service.ts';
import type { Rule } from '../pipeline/rule.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

export type TcpSettings = Pick<ProxyListener, 'direction' | 'protocol' | 'service'>;

/** Where the connections of a listener go that are no HTTP, by the snapshot that is in force. */
export class TcpTargets {
  readonly #context: WorkerContext;
  readonly #settings: TcpSettings;

  constructor(context: WorkerContext, settings: TcpSettings) {
    this.#context = context;
    this.#settings = settings;
  }

  /** All connections are carried as they are: nothing is looked at. */
  get takesAll(): boolean {
    const { protocol, direction } = this.#settings;
    return protocol === 'tcp' || (direction === 'inbound' && this.#context.snapshot.inboundProtocol === 'tcp');
  }

  /** The application, or the service that the listener names; null when there is none. */
  get named(): Rule | null {
    const { snapshot } = this.#context;
    const { direction, service } = this.#settings;
    if (direction === 'inbound') return snapshot.inbound;
    return service === undefined ? null : snapshot.ruleOfService(service);
  }

  /** Where bytes go that are neither HTTP nor TLS with a name; null leaves them to HTTP/1, which refuses them. */
  get forOtherBytes(): Rule | null {
    const { snapshot } = this.#context;
    const { direction, service } = this.#settings;
    if (direction === 'inbound') return takesBytes(snapshot.inboundProtocol) ? snapshot.inbound : null;
    return service !== undefined && takesBytes(snapshot.protocolOf(service)) ? this.named : null;
  }

  /** Where a TLS caller of an outbound listener goes that wants to reach `serverName`; null where nothing takes it. */
  forTls(serverName: string | null): Rule | null {
    const rule = serverName === null ? null : this.#context.snapshot.ruleFor(serverName);
    return rule ?? this.named;
  }
}

function takesBytes(protocol: ServiceProtocol | null): boolean {
  return protocol === 'tcp' || protocol === 'auto';
}

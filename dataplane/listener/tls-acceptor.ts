import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { ProxyListener } from '../../shared/resources/proxy.ts';
import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import { takeOverSecured } from '../../shared/transport/open.ts';
import type { Transport } from '../../shared/transport/transport.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

/** What a listener shows its callers. PEM texts, and the keys of its session tickets, which all workers share. */
export type ServerCertificate = {
  readonly certificate: string;
  readonly privateKey: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ticketKeys: Uint8Array;
};

const alpnProtocols = { auto: ['h2', 'http/1.1'], http1: ['http/1.1'], http2: ['h2'], tcp: [] } as const;

/** Throws where the certificate and its key are no pair, or no PEM. */
export function secureContextOf(shown: ServerCertificate): SecureContext {
  return createSecureContext({
    cert: shown.certificate,
    key: shown.privateKey,
    minVersion: shown.minVersion,
    ticketKeys: Buffer.from(shown.ticketKeys),
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
  });
}

/** Makes handshakes with callers (RFC 8446), each within a time. */
export class TlsAcceptor {
  readonly #context: WorkerContext;
  readonly #shaking = new Set<Socket>();
  readonly #alpnProtocols: readonly string[];
  #secureContext: SecureContext;

  constructor(context: WorkerContext, shown: ServerCertificate, protocol: ProxyListener['protocol']) {
    this.#alpnProtocols = alpnProtocols[protocol];
    this.#context = context;
    this.#secureContext = secureContextOf(shown);
  }

  /** Callers from now on are shown this; who is connected stays. */
  show(shown: ServerCertificate): void {
    this.#secureContext = secureContextOf(shown);
  }

  /** Calls one of the two, once. */
  accept(
    raw: Socket,
    onSecured: (transport: Transport, agreed: 'http1' | 'http2' | null) => void,
    onFailed: () => void,
  ): void {
    const { wheel, limits, transportKind } = this.#context;
    const secured = new TLSSocket(raw, {
      isServer: true,
      secureContext: this.#secureContext,
      ALPNProtocols: [...this.#alpnProtocols],
    });
    const timer = new WheelTimer(() => raw.destroy());
    const fail = () => {
      wheel.remove(timer);
      this.#shaking.delete(raw);
      this.#context.tick();
      onFailed();
    };
    if (limits.handshakeTimeoutMs > 0) wheel.arm(timer, this.#context.now() + limits.handshakeTimeoutMs);
    this.#shaking.add(raw);
    secured.on('error', () => secured.destroy()); // 'close' follows and says the same
    // A record that cannot be read after the handshake is told nobody else than listeners of this.
    secured.on('_tlsError', () => secured.destroy());
    const giveUp = () => secured.destroy();
    secured.once('end', giveUp); // a caller that ends in its handshake has nothing to wait for
    secured.once('close', fail);
    secured.once('secure', () => {
      wheel.remove(timer);
      secured.off('end', giveUp);
      const transport = takeOverSecured(secured, raw, transportKind);
      // Not from within a read of OpenSSL, which could not end the connection in order.
      setImmediate(() => {
        if (secured.destroyed) return; // 'close' follows
        this.#shaking.delete(raw);
        secured.off('close', fail);
        this.#context.tick();
        onSecured(transport, agreedOf(secured.alpnProtocol));
      });
    });
  }

  destroy(): void {
    for (const raw of this.#shaking) raw.destroy();
  }
}

/** What was agreed on (RFC 7301); null where the caller did not say. */
function agreedOf(protocol: string | false | null): 'http1' | 'http2' | null {
  if (protocol === 'h2') return 'http2';
  return protocol === 'http/1.1' ? 'http1' : null;
}

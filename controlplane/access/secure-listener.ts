import type { Server, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { ServerTls } from './server-tls.ts';

/** What a server of gRPC listens by: TLS where there is a certificate, nothing of its own where there is none. */
export function listenerOf(tls: ServerTls | null): { newListener?: (accept: (socket: Socket) => void) => Server } {
  return tls ? { newListener: (accept) => secureListener(tls, accept) } : {};
}

function secureListener(tls: ServerTls, accept: (socket: Socket) => void): Server {
  const listener = createServer({ ...tls.options, ALPNProtocols: ['h2'], noDelay: true }, accept);
  tls.attach(listener);
  return listener;
}

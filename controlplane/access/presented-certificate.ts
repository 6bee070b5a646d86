import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { identityOf } from './certificate-identity.ts';

type Presented = { readonly identity: string; readonly validToMs: number } | { readonly fault: string };

const nothing: Presented = { fault: 'a token or a client certificate is needed' };
const bySocket = new WeakMap<Socket, Presented>();

/** Who the other end of a connection has proved to be by its certificate, read once a connection. */
export function presentedBy(socket: Socket, nowMs: number): { readonly identity: string } | { readonly fault: string } {
  const presented = bySocket.get(socket) ?? read(socket);
  bySocket.set(socket, presented);
  if ('validToMs' in presented && presented.validToMs < nowMs)
    return { fault: `the certificate of ${presented.identity} has expired since the connection was made` };
  return presented;
}

function read(socket: Socket): Presented {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (!(socket instanceof TLSSocket) || !certificate) return nothing;
  if (!socket.authorized) return { fault: `the client certificate is not trusted: ${socket.authorizationError}` };
  const identity = identityOf(certificate);
  if (identity === null) return { fault: 'the client certificate names nobody: no SPIFFE ID and no common name' };
  return { identity, validToMs: certificate.validToDate.getTime() };
}

import type { TLSSocket } from 'node:tls';
import type { Peer } from '../../shared/transport/peer.ts';
import { identityOf } from './certificate-identity.ts';

type Presented = { readonly identity: string; readonly validToMs: number } | { readonly fault: string };

const nothing: Presented = { fault: 'a token or a client certificate is needed' };
const bySocket = new WeakMap<TLSSocket, Presented>();

/** Who the other end of a connection has proved to be by its certificate, read once a connection. */
export function presentedBy(
  { secured }: Peer,
  nowMs: number,
): { readonly identity: string } | { readonly fault: string } {
  if (!secured) return nothing;
  const presented = bySocket.get(secured) ?? read(secured);
  bySocket.set(secured, presented);
  if ('validToMs' in presented && presented.validToMs < nowMs)
    return { fault: `the certificate of ${presented.identity} has expired since the connection was made` };
  return presented;
}

function read(socket: TLSSocket): Presented {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return nothing;
  if (!socket.authorized) return { fault: `the client certificate is not trusted: ${socket.authorizationError}` };
  const identity = identityOf(certificate);
  if (identity === null) return { fault: 'the client certificate names nobody: no SPIFFE ID and no common name' };
  return { identity, validToMs: certificate.validToDate.getTime() };
}

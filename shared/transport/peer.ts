import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Who is at the other end of a connection, noted while it is known: a socket that was taken over has forgotten. */
export type Peer = {
  /** IP address; empty when it was gone already. */
  readonly host: string;
  /** Address and port. */
  readonly text: string;
  /** What has its certificate; null in the clear. */
  readonly secured: TLSSocket | null;
};

export function peerOf(socket: Socket): Peer {
  const { remoteAddress: host = '', remotePort = 0 } = socket;
  const text = host.includes(':') ? `[${host}]:${remotePort}` : `${host}:${remotePort}`;
  return { host, text, secured: socket instanceof TLSSocket ? socket : null };
}

import { connect, Socket } from 'node:net';
import { slab } from './slab.ts';
import { SocketTransport } from './socket-transport.ts';
import { isStreamHandle, type StreamHandle, streamBindings } from './stream-handle.ts';
import { TcpTransport } from './tcp-transport.ts';
import { TlsTransport } from './tls-transport.ts';
import type { Transport } from './transport.ts';

/** Which transport carries connections: the handle's where Node has it as we know it, or always the socket's. */
export type TransportKind = 'handle' | 'socket';

/** Takes over a socket that is connected and from which nothing was read. */
export function takeOver(socket: Socket, kind: TransportKind, isOutgoing = false): Transport {
  const handle = kind === 'handle' ? handleOf(socket) : null;
  if (handle === null || streamBindings === null) return new SocketTransport(socket, socket);
  const { remoteAddress } = socket;
  detach(socket, handle);
  return new TcpTransport(handle, streamBindings, remoteAddress, isOutgoing);
}

/** The same for a socket whose TLS handshake ended this moment; `raw` is the connection below it. */
export function takeOverSecured(secured: Socket, raw: Socket, kind: TransportKind): Transport {
  const handle = kind === 'handle' ? handleOf(secured) : null;
  if (handle === null || streamBindings === null) return new SocketTransport(secured, raw);
  return new TlsTransport(secured, raw, handle, streamBindings);
}

/** Lets `take` have what is under a socket that is connected and from which nothing was read; true when it took it. */
export function giveAway(socket: Socket, take: (handle: StreamHandle) => boolean): boolean {
  const handle = handleOf(socket);
  if (handle === null || !take(handle)) return false;
  detach(socket, handle);
  return true;
}

/** A socket for what was under another one, here or in another thread; it reads nothing by itself. */
export function revive(handle: StreamHandle): Socket {
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true }; // its types do not know all of them
  return new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
}

type WithHandle = { _handle?: unknown };

/** Makes the socket an empty shell that nothing holds any more: it would take 4 kB for as long as the connection lives. */
function detach(socket: Socket, handle: StreamHandle): void {
  (socket as WithHandle)._handle = null;
  for (const symbol of Object.getOwnPropertySymbols(handle))
    if (symbol.description === 'owner_symbol') (handle as unknown as Record<symbol, unknown>)[symbol] = null;
}

function handleOf(socket: Socket): StreamHandle | null {
  const handle = (socket as WithHandle)._handle;
  return isStreamHandle(handle) ? handle : null;
}

/** Connects to an address; `onOpen` or `onFailed` is called once, later. Until then what is returned can only be destroyed. */
export function openTransport(
  address: { readonly host: string; readonly port: number },
  kind: TransportKind,
  onOpen: (transport: Transport) => void,
  onFailed: () => void,
): Transport {
  const socket = connect({ ...address, noDelay: true, allowHalfOpen: true });
  socket.pause(); // or it begins to read right after 'connect'
  socket.once('close', onFailed);
  socket.on('error', () => undefined); // 'close' follows
  socket.once('connect', () => {
    socket.off('close', onFailed);
    onOpen(takeOver(socket, kind, true));
  });
  const giveUp = () => {
    socket.off('close', onFailed);
    socket.destroy();
  };
  return { ...unconnected, destroy: giveUp, reset: giveUp };
}

const nothing = () => undefined;
const unconnected = {
  remoteAddress: undefined,
  memory: slab,
  hasOwnMemory: false,
  takeMemory: nothing,
  lend: nothing,
  unsentBytes: 0,
  isBlocked: false,
  hasEnded: false,
  start: nothing,
  write: () => true,
  pause: nothing,
  resume: nothing,
  end: nothing,
};

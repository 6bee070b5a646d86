import { connect, type Socket } from 'node:net';
import { HandleTransport } from './handle-transport.ts';
import { SocketTransport } from './socket-transport.ts';
import { isStreamHandle, streamBindings } from './stream-handle.ts';
import type { Transport } from './transport.ts';

/** Which transport carries connections: the handle's where Node has it as we know it, or always the socket's. */
export type TransportKind = 'handle' | 'socket';

/** Takes over a socket that is connected and from which nothing was read. */
export function takeOver(socket: Socket, kind: TransportKind, isOutgoing = false): Transport {
  const owner = socket as unknown as { _handle?: unknown };
  const handle = owner._handle;
  if (kind === 'socket' || streamBindings === null || !isStreamHandle(handle)) return new SocketTransport(socket);
  const { remoteAddress = '' } = socket;
  owner._handle = null; // the socket is an empty shell from now on
  return new HandleTransport(handle, streamBindings, remoteAddress, isOutgoing);
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
  remoteAddress: '',
  unsentBytes: 0,
  isBlocked: false,
  hasEnded: false,
  start: nothing,
  write: nothing,
  pause: nothing,
  resume: nothing,
  end: nothing,
};

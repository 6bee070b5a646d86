import { Socket, type SocketConstructorOpts } from 'node:net';
import { slab } from './slab.ts';

type Handle = { useUserBuffer?: unknown };
type WithHandle = { _handle?: Handle | null };

/**
 * Makes an accepted socket read into the slab, as `onread` does for sockets that connect. Node offers this for outgoing
 * sockets only; without it every read allocates 64 KiB and shrinks it (6 % of a proxied request). The server must have
 * been made with `pauseOnConnect`. Where a version of Node has no such handle, the socket is read by its events instead.
 *
 * `onRead` is told how many bytes the slab holds, and returns false to pause.
 */
export function readIntoSlab(accepted: Socket, onRead: (size: number) => boolean): Socket {
  const handle = (accepted as unknown as WithHandle)._handle;
  if (typeof handle?.useUserBuffer !== 'function') return readByEvents(accepted, onRead);
  (accepted as unknown as WithHandle)._handle = null;
  const options = { handle, allowHalfOpen: true, onread: { buffer: slab, callback: onRead } };
  return new Socket(options as unknown as SocketConstructorOpts);
}

/** The plain way, and the oracle of the other. */
export function readByEvents(accepted: Socket, onRead: (size: number) => boolean): Socket {
  accepted.on('data', (chunk: Buffer) => {
    for (let from = 0; from < chunk.length; from += slab.length) {
      const size = chunk.copy(slab, 0, from, from + slab.length);
      if (!onRead(size)) accepted.pause();
    }
  });
  accepted.resume();
  return accepted;
}

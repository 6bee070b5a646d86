import { type StreamHandle, streamBindings, type WriteRequest } from '../../shared/transport/stream-handle.ts';

/**
 * The object under a pipe of Node, which can carry open connections from one thread to another (SCM_RIGHTS, unix(7)).
 * What `stream-handle.ts` says holds here, too: it is no public interface, and `pipeBindings` is null where it is not
 * what is described here.
 */
export type PipeHandle = StreamHandle & {
  readonly fd: number;
  /** Bytes that wait for the kernel. */
  readonly writeQueueSize: number;
  /** The connection that came with what is read; its taker sets it to null. */
  pendingHandle?: unknown;
  onconnection: (status: number, accepted: PipeHandle | undefined) => void;
  /** These return 0 (or undefined), or a negative errno. */
  bind(path: string): number | undefined;
  listen(backlog: number): number | undefined;
  connect(request: ConnectRequest, path: string): number | undefined;
  open(fd: number): number | undefined;
  unref(): void;
  /** `carried` stays open until the request is complete. */
  writeUtf8String(request: WriteRequest, text: string, carried: StreamHandle): number;
};

export type ConnectRequest = { oncomplete: (status: number) => void };

export type PipeBindings = {
  /** SERVER listens, and what it accepts carries bytes only; IPC carries connections. */
  readonly Pipe: new (
    kind: number,
  ) => PipeHandle;
  readonly PipeConnectWrap: new () => ConnectRequest;
  readonly constants: { readonly SERVER: number; readonly IPC: number };
};

const methods = [
  'bind',
  'listen',
  'connect',
  'open',
  'unref',
  'writeUtf8String',
  'useUserBuffer',
  'readStart',
] as const;

export const pipeBindings: PipeBindings | null = findBindings();

function findBindings(): PipeBindings | null {
  const { binding } = process as unknown as { binding?: (name: string) => unknown };
  if (streamBindings === null || typeof binding !== 'function') return null;
  let found: Partial<PipeBindings>;
  try {
    found = binding('pipe_wrap') as Partial<PipeBindings>;
  } catch {
    return null; // a Node that no longer has it
  }
  const { Pipe, PipeConnectWrap, constants } = found;
  if (typeof Pipe !== 'function' || typeof PipeConnectWrap !== 'function') return null;
  if (typeof constants?.SERVER !== 'number' || typeof constants.IPC !== 'number') return null;
  const members = Pipe.prototype as Record<string, unknown>;
  if (!methods.every((name) => typeof members[name] === 'function') || !('writeQueueSize' in members)) return null;
  return { Pipe, PipeConnectWrap, constants: { SERVER: constants.SERVER, IPC: constants.IPC } };
}

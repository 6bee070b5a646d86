import { type StreamBindings, type StreamHandle, streamBindings } from '../../shared/transport/stream-handle.ts';
import { type PipeBindings, type PipeHandle, pipeBindings } from '../transport/pipe-handle.ts';

/** `connection` belongs to whoever is told. */
type OnArrived = (listener: number, connection: StreamHandle) => void;

/**
 * Pipes between the workers of one process, one for each direction of each pair, which carry accepted connections. A
 * message is one byte, the place of the listener, and the connection comes with it: the kernel never puts two
 * connections into one read.
 */
export class WorkerPipes {
  readonly #bindings: PipeBindings;
  readonly #stream: StreamBindings;
  readonly #onArrived: OnArrived;
  /** By the index of the worker at the other end. */
  readonly #outgoing = new Map<number, PipeHandle>();
  readonly #incoming = new Set<PipeHandle>();
  readonly #message = Buffer.alloc(1);

  constructor(bindings: PipeBindings, stream: StreamBindings, onArrived: OnArrived) {
    this.#bindings = bindings;
    this.#stream = stream;
    this.#onArrived = onArrived;
  }

  /** Makes this end of the pipe to another worker; resolves with whether it could. */
  connect(worker: number, path: string): Promise<boolean> {
    const { Pipe, PipeConnectWrap, constants } = this.#bindings;
    const pipe = new Pipe(constants.IPC);
    const request = new PipeConnectWrap();
    return new Promise((resolve) => {
      request.oncomplete = (status) => {
        if (status === 0) this.#outgoing.set(worker, pipe);
        else pipe.close();
        resolve(status === 0);
      };
      if (failed(pipe.connect(request, path))) request.oncomplete(-1);
    });
  }

  /** Takes what comes from another worker by `fd`, which is closed by this thread and nobody else from now on. */
  receive(fd: number): boolean {
    const { Pipe, constants } = this.#bindings;
    const pipe = new Pipe(constants.IPC);
    if (failed(pipe.open(fd))) {
      pipe.close();
      return false;
    }
    pipe.useUserBuffer(this.#message);
    pipe.onread = () => this.#onRead(pipe);
    pipe.unref(); // a worker lives as long as its supervisor wants
    this.#incoming.add(pipe); // or it would be collected while it waits
    pipe.readStart();
    return true;
  }

  /**
   * Gives a connection to another worker; false when its pipe takes none now. Else `onSent` follows, with 0 or a negative
   * errno, and until then the connection must stay as it is.
   */
  send(worker: number, listener: number, connection: StreamHandle, onSent: (status: number) => void): boolean {
    const pipe = this.#outgoing.get(worker);
    // What waited in the pipe could not be taken back, and whoever is this slow is not the idlest.
    if (pipe === undefined || pipe.writeQueueSize > 0) return false;
    const request = new this.#stream.WriteWrap();
    request.oncomplete = onSent;
    if (failed(pipe.writeUtf8String(request, String.fromCharCode(listener), connection))) return false;
    if (this.#stream.streamBaseState[this.#stream.kLastWriteWasAsync] === 0) process.nextTick(onSent, 0);
    return true;
  }

  #onRead(pipe: PipeHandle): void {
    const size = this.#stream.streamBaseState[this.#stream.kReadBytesOrError]!;
    const connection = pipe.pendingHandle as StreamHandle | null | undefined;
    pipe.pendingHandle = null;
    if (size < 0) {
      this.#incoming.delete(pipe);
      pipe.close();
    } else if (connection) this.#onArrived(this.#message[0]!, connection);
  }
}

/** Null where Node has no such pipes. */
export function openPipes(onArrived: OnArrived): WorkerPipes | null {
  if (pipeBindings === null || streamBindings === null) return null;
  return new WorkerPipes(pipeBindings, streamBindings, onArrived);
}

function failed(result: number | undefined): boolean {
  return result !== undefined && result !== 0;
}

import { Worker } from 'node:worker_threads';
import type { Owner } from '../../harness/owner.ts';
import type { cartService } from './named-servers.ts';

type Method = keyof typeof cartService;

/** A call that the thread of clients is to make. */
export type Asked = {
  readonly id: number;
  readonly target: string;
  readonly xdsPort: number;
  readonly method: Method;
  readonly fields: Readonly<Record<string, string>>;
};

/** Calls by a stock client of gRPC. */
export type GrpcClient = {
  /** Which servers ten calls reach, or the status they end with. */
  reached(method: Method, fields?: Record<string, string>): Promise<string>;
};

/** Makes clients of `xds:///TARGET`, which find the control plane at a port. */
export function grpcClients(t: Owner): (target: string, xdsPort: number) => GrpcClient {
  const thread = new Worker(new URL('./grpc-client-thread.ts', import.meta.url));
  t.teardown(() => thread.terminate());
  const waiting = new Map<number, (reply: string) => void>();
  let calls = 0;
  thread.on('message', ({ id, reply }: { id: number; reply: string }) => {
    waiting.get(id)?.(reply);
    waiting.delete(id);
  });
  const call = (asked: Omit<Asked, 'id'>) => {
    const id = calls++;
    thread.postMessage({ id, ...asked });
    return new Promise<string>((resolve) => waiting.set(id, resolve));
  };
  return (target, xdsPort) => ({
    reached: async (method, fields = {}) => {
      const ten = Array.from({ length: 10 }, () => call({ target, xdsPort, method, fields }));
      return [...new Set(await Promise.all(ten))].sort().join(' ');
    },
  });
}

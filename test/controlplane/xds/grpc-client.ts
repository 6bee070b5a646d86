import { Worker } from 'node:worker_threads';
import type { Owner } from '../../harness/owner.ts';
import type { Asked } from './named-servers.ts';

/** Calls by the stock client of gRPC. */
export type GrpcClient = {
  /** Which servers ten calls reach, or the status they end with. */
  reached(method: Asked['method'], fields?: Record<string, string>): Promise<string>;
};

/** A client of `xds:///TARGET` that is told of the control plane by its bootstrap and of nothing else. */
export function grpcClient(t: Owner, target: string, xdsPort: number): GrpcClient {
  const workerData = { target, xdsPort, node: 'client-1' };
  const thread = new Worker(new URL('./grpc-client-thread.ts', import.meta.url), { workerData });
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
  return {
    reached: async (method, fields = {}) => {
      const names = await Promise.all(Array.from({ length: 10 }, () => call({ method, fields })));
      return [...new Set(names)].sort().join(' ');
    },
  };
}

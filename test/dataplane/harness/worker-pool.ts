import { WorkerPool } from '../../../dataplane/supervisor/worker-pool.ts';
import type { ResourceKey } from '../../../shared/resources/resource.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import type { Owner } from '../../harness/owner.ts';
import { proxyDocument } from './resources.ts';

/** The workers of a proxy without their supervisor, for tests that change the configuration. */
export async function runningWorkers(
  t: Owner,
  resources: readonly AnyResource[],
  workers = 1,
  namespace: string | null = null,
) {
  const pool = new WorkerPool(
    {
      workers,
      application: null,
      workload: { service: null, namespace, labels: {} },
      zone: null,
      limits: {
        headBytes: 65_536,
        headerCount: 100,
        targetBytes: 16_384,
        connections: 1000,
        handshakeTimeoutMs: 10_000,
        headTimeoutMs: 10_000,
        detectTimeoutMs: 100,
        keepAliveTimeoutMs: 75_000,
        requestsPerConnection: 0,
        bodyBytes: 0,
        halfClose: 'answer',
        bufferBytes: 65_536,
        replayBytes: 65_536,
        http2: { streams: 256, streamWindowBytes: 262_144, connectionWindowBytes: 1_048_576 },
      },
      transportKind: 'handle',
      checksWrites: true,
      sampleRatio: 0,
      recordsSpans: false,
    },
    {
      onSpans: () => undefined,
      onProblem: () => undefined,
      onBreaker: () => undefined,
      onAsked: () => undefined,
      onCrash: (error) => {
        throw error;
      },
    },
  );
  t.teardown(() => pool.stop());
  let revision = 0;
  const configure = (changed: readonly AnyResource[], removed: readonly ResourceKey[] = []) =>
    pool.configure({ type: 'configure', revision: ++revision, resources: changed, removed, known: null });
  await configure(resources);
  const [port] = await pool.listen(proxyDocument({ listeners: [{ name: 'out', port: 0 }] }).spec.listeners);
  return { port: port!, configure, drain: () => pool.drain() };
}

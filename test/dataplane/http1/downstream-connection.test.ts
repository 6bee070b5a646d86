import t from 'tap';
import { Buckets, newBucketMemory } from '../../../dataplane/filters/rate-limit/buckets.ts';
import { Http1DownstreamConnection } from '../../../dataplane/http1/downstream-connection.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { newTraceMarkMemory, TraceMarks } from '../../../dataplane/pipeline/trace-marks.ts';
import { compileSnapshot } from '../../../dataplane/snapshot/compile.ts';
import { OwnListeners } from '../../../dataplane/snapshot/own-listeners.ts';
import { ResourceStore } from '../../../dataplane/snapshot/resource-store.ts';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { Pool, type PooledConnection } from '../../../dataplane/upstream/pool.ts';
import type { WorkerContext } from '../../../dataplane/worker/worker-context.ts';
import { newSlotMemory, SlotTable } from '../../../observability/metrics/slots.ts';
import { TimerWheel } from '../../../shared/time/timer-wheel.ts';
import type { Transport, TransportOwner } from '../../../shared/transport/transport.ts';
import { get } from '../harness/raw-client.ts';
import { serviceAt } from '../harness/resources.ts';

const caller: Caller = {
  removes: 0,
  refuses: 0,
  isTrusted: false,
  scheme: 'http',
  address: Buffer.of(),
  forwarding: null,
  via: null,
};

/** A connection of a caller in a worker whose instances are never reached, on a transport that only remembers. */
function connection() {
  const now = () => 0;
  const wheel = new TimerWheel(now);
  const transport = {
    memory: Buffer.alloc(65_536),
    hasOwnMemory: false,
    takeMemory: () => undefined,
    unsentBytes: 0,
    isBlocked: false,
    hasEnded: false,
    isPaused: false,
    start: (_: TransportOwner) => undefined,
    write: () => true,
    pause: () => (transport.isPaused = true),
    resume: () => (transport.isPaused = false),
    end: () => undefined,
    destroy: () => undefined,
    reset: () => undefined,
  };
  const snapshot = compileSnapshot(new ResourceStore().with(serviceAt('app', 1), []), 1, null, {
    metrics: new SlotTable(newSlotMemory(), () => undefined),
    makePool: (endpoint, settings) => new Pool(endpoint, settings, () => ({}) as PooledConnection, now),
    now,
    random: () => 0,
    workers: 1,
    application: null,
    workload: { service: null, namespace: null, labels: {} },
    zone: null,
    ownListeners: new OwnListeners(),
    onBreaker: () => undefined,
    buckets: new Buckets(newBucketMemory(), 0),
  });
  const context = {
    snapshot,
    wheel,
    now,
    tick: () => undefined,
    out: new OutBuffer(),
    isDraining: false,
    limits: {
      headBytes: 65_536,
      headerCount: 100,
      targetBytes: 16_384,
      headTimeoutMs: 0,
      keepAliveTimeoutMs: 0,
      requestsPerConnection: 0,
      bodyBytes: 0,
      halfClose: 'answer',
      bufferBytes: 65_536,
      replayBytes: 65_536,
    },
    traceMarks: new TraceMarks(newTraceMarkMemory(), 0),
    recordsSpans: false,
    sampleRatio: 0,
  } as unknown as WorkerContext;
  const settings = { direction: 'outbound', connect: false } as const;
  const one = new Http1DownstreamConnection(
    context,
    transport as unknown as Transport,
    settings,
    caller,
    () => undefined,
  );
  const receive = (bytes: string) => {
    transport.memory.write(bytes, 0, 'latin1');
    if (!one.onRead(bytes.length)) transport.isPaused = true;
  };
  return { transport, receive };
}

t.test('a caller may send 64 KiB ahead of the reply it waits for, and is not read beyond', async (t) => {
  const { transport, receive } = connection();
  receive(get());
  receive('x'.repeat(65_536));
  t.equal(transport.isPaused, false);
  receive('x');
  t.equal(transport.isPaused, true);
});

t.test('a body that waits for a connection is held up to limits.replayBytes, and then not read', async (t) => {
  const { transport, receive } = connection();
  receive('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\n');
  receive('x'.repeat(65_536));
  t.equal(transport.isPaused, false);
  receive('x');
  t.equal(transport.isPaused, true);
});

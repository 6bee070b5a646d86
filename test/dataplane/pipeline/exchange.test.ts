import t from 'tap';
import { Buckets, newBucketMemory } from '../../../dataplane/filters/rate-limit/buckets.ts';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import type { Downstream } from '../../../dataplane/pipeline/downstream.ts';
import { Exchange } from '../../../dataplane/pipeline/exchange.ts';
import { newTraceMarkMemory, TraceMarks } from '../../../dataplane/pipeline/trace-marks.ts';
import { compileSnapshot } from '../../../dataplane/snapshot/compile.ts';
import { OwnListeners } from '../../../dataplane/snapshot/own-listeners.ts';
import { ResourceStore } from '../../../dataplane/snapshot/resource-store.ts';
import { Pool, type PooledConnection } from '../../../dataplane/upstream/pool.ts';
import type { UpstreamRequest } from '../../../dataplane/upstream/upstream-connection.ts';
import type { WorkerContext } from '../../../dataplane/worker/worker-context.ts';
import { newSlotMemory, SlotTable } from '../../../observability/metrics/slots.ts';
import { TimerWheel, type WheelTimer } from '../../../shared/time/timer-wheel.ts';
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
const ignore = () => undefined;

/** Remembers the timers it was given. */
class WatchedWheel extends TimerWheel {
  readonly timers = new Set<WheelTimer>();

  override arm(timer: WheelTimer, deadlineMs: number): void {
    this.timers.add(timer);
    super.arm(timer, deadlineMs);
  }
}

t.test('a tunnel whose caller left first is let go of when the instance has taken the last of it', async (t) => {
  const now = () => 0;
  const wheel = new WatchedWheel(now);
  const made: { pool: Pool; connection: PooledConnection }[] = [];
  const connect = (pool: Pool) => {
    const connection = {
      isBlocked: false,
      isUsable: () => true,
      begin: (request: UpstreamRequest) => request.onTunnelOpen(),
      endTunnel: ignore,
    } as unknown as PooledConnection;
    made.push({ pool, connection });
    return connection;
  };
  const limits = { headBytes: 65_536, headerCount: 100, targetBytes: 16_384, replayBytes: 65_536 };
  const snapshot = compileSnapshot(new ResourceStore().with(serviceAt('app', 1), []), 1, null, {
    metrics: new SlotTable(newSlotMemory(), ignore),
    makePool: (endpoint, settings) => new Pool(endpoint, settings, connect, now),
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
  const traceMarks = new TraceMarks(newTraceMarkMemory(), 0);
  const more = { traceMarks, recordsSpans: false, sampleRatio: 0 };
  const context = { snapshot, wheel, now, limits, ...more } as unknown as WorkerContext;
  const downstream = {
    sendTunnelOpen: ignore,
    resumeRequest: ignore,
    endTunnel: ignore,
    onExchangeComplete: ignore,
  } as unknown as Downstream;
  const head = new RequestHead();
  head.takesConnect = true;
  const bytes = Buffer.from('CONNECT app:1 HTTP/1.1\r\nHost: app:1\r\n\r\n');
  readRequestHead(head, bytes, 0, bytes.length, limits);
  const exchange = new Exchange(context, downstream, 'outbound', caller, head);
  exchange.begin(head, true);
  made[0]!.pool.onConnected(made[0]!.connection);
  t.equal(exchange.status, 200);
  t.ok(
    [...wheel.timers].some(({ tick }) => tick !== -1),
    'its silence is watched',
  );
  exchange.onTunnelEnd();
  exchange.onDownstreamTunnelEnd();
  exchange.onDownstreamClosed();
  t.ok(
    [...wheel.timers].some(({ tick }) => tick !== -1),
    'the instance may still be silent',
  );
  exchange.onReplyDone();
  t.strictSame(
    [...wheel.timers].map(({ tick }) => tick),
    [-1],
    'no timer holds it',
  );
});

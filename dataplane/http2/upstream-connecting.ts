import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import { openTransport } from '../../shared/transport/open.ts';
import type { SharedPool } from '../upstream/shared-pool.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { Http2UpstreamConnection } from './upstream-connection.ts';

/** Opens a connection to the endpoint of a pool, which hears of it when the other side has said that it speaks HTTP/2. */
export function connectHttp2(context: WorkerContext, pool: SharedPool): void {
  const { address, port } = pool.endpoint;
  const fail = () => {
    context.wheel.remove(timer);
    context.tick();
    pool.onConnectFailed();
  };
  const transport = openTransport(
    { host: address, port },
    context.transportKind,
    (opened) => {
      context.wheel.remove(timer);
      context.tick();
      new Http2UpstreamConnection(context, opened, pool);
    },
    fail,
  );
  const timer = new WheelTimer(() => {
    transport.destroy();
    fail();
  });
  const { connectTimeoutMs } = pool.settings;
  if (connectTimeoutMs > 0) context.wheel.arm(timer, context.now() + connectTimeoutMs);
}

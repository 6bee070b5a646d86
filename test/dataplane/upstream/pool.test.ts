import t from 'tap';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { Pool, type PooledConnection, type PoolSettings, type PoolWaiter } from '../../../dataplane/upstream/pool.ts';

const settings: PoolSettings = {
  max: 2,
  maxIdle: 2,
  maxPending: 1,
  connectTimeoutMs: 0,
  idleTimeoutMs: 0,
  maxLifetimeMs: 0,
  maxRequests: 0,
  streamsPerConnection: 1,
  backoffMs: 100,
  maxBackoffMs: 1000,
};

/** A pool whose connections are made when the test says so. */
function pool() {
  const made: PooledConnection[] = [];
  const endpoint = new Endpoint('app-0', '127.0.0.1', 1, {});
  const connect = () => {
    const connection = {
      isUsable: () => true,
      rest: () => undefined,
      close: () => undefined,
    } as unknown as PooledConnection;
    made.push(connection);
    return connection;
  };
  return { pool: new Pool(endpoint, settings, connect, () => 0), endpoint, made };
}

function waiter() {
  const got: unknown[] = [];
  const one: PoolWaiter = {
    onConnection: (connection) => void got.push(connection),
    onConnectionFailure: (code) => void got.push(code),
  };
  return { ...one, got };
}

t.test('a connection made for a tunnel goes to who asked for it, not to who waits in line', async (t) => {
  const { pool: one, made } = pool();
  const [request, tunnel] = [waiter(), waiter()];
  t.equal(one.acquire(request), null);
  t.equal(one.acquireForTunnel(tunnel), null);
  t.equal(one.acquireForTunnel(waiter()), 'overloaded', 'the bound on connections holds');
  one.onConnected(made[1]!);
  t.strictSame([request.got.length, tunnel.got[0] === made[1]], [0, true]);
  one.onConnected(made[0]!);
  t.ok(request.got[0] === made[0]);
  t.notOk(one.isConnecting);
});

t.test('a connection for a tunnel that nobody waits for any more serves requests', async (t) => {
  const { pool: one, made } = pool();
  const tunnel = waiter();
  one.acquireForTunnel(tunnel);
  one.cancel(tunnel);
  one.onConnected(made[0]!);
  t.equal(tunnel.got.length, 0);
  t.ok(one.acquire(waiter()) === made[0]);
});

t.test('who waits for a tunnel hears that it cannot be made, and the endpoint is avoided', async (t) => {
  const { pool: one, made, endpoint } = pool();
  const [request, tunnel] = [waiter(), waiter()];
  one.acquireForTunnel(tunnel);
  one.acquire(request);
  one.onConnectFailed(made[0]!);
  t.strictSame([tunnel.got, request.got], [['upstream_connect'], []]);
  t.ok(endpoint.backoffUntilMs > 0);
  one.onConnectFailed(made[1]!);
  t.strictSame(request.got, ['upstream_connect']);
});

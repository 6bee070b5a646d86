import t from 'tap';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { Pool, type PooledConnection, type PoolSettings, type PoolWaiter } from '../../../dataplane/upstream/pool.ts';
import { type SharedConnection, SharedPool } from '../../../dataplane/upstream/shared-pool.ts';
import type { UpstreamConnection } from '../../../dataplane/upstream/upstream-connection.ts';

const usual: PoolSettings = {
  max: 3,
  maxIdle: 0,
  maxPending: 2,
  connectTimeoutMs: 0,
  idleTimeoutMs: 0,
  maxLifetimeMs: 0,
  maxRequests: 0,
  streamsPerConnection: 2,
  backoffMs: 100,
  maxBackoffMs: 1000,
};

/** A connection that carries as many requests as the test says, and remembers which. */
class PlainConnection implements SharedConnection {
  load = 0;
  capacity: number;
  isRetired = false;
  isWorn = false;
  readonly #pool: SharedPool;

  constructor(pool: SharedPool, capacity: number) {
    this.#pool = pool;
    this.capacity = capacity;
  }

  take(): UpstreamConnection {
    this.load++;
    return this as unknown as UpstreamConnection;
  }

  done(): void {
    this.load--;
    this.#pool.onRoom();
  }

  retireIfWorn(): boolean {
    if (this.isWorn) this.retire();
    return this.isWorn;
  }

  retire(): void {
    this.isRetired = true;
    this.capacity = 0;
    this.#pool.onRetired(this);
  }
}

/** A pool whose connections are there when the test says so. */
function pool(settings: Partial<PoolSettings> = {}, spread = 1) {
  const endpoint = new Endpoint('app-0', '127.0.0.1', 1, {});
  const all = { ...usual, ...settings };
  const now = () => 0;
  let opened = 0;
  const tunnels = new Pool(endpoint, all, () => ({ close: () => undefined }) as PooledConnection, now);
  const one = new SharedPool(endpoint, all, { connect: () => opened++, tunnels, spread, now });
  const ready = (capacity = all.streamsPerConnection) => {
    const connection = new PlainConnection(one, capacity);
    one.onReady(connection);
    return connection;
  };
  return { pool: one, endpoint, ready, tunnels, opened: () => opened };
}

type Waiter = PoolWaiter & { readonly got: unknown[] };

function waiter(): Waiter {
  const got: unknown[] = [];
  return {
    got,
    onConnection: (connection) => void got.push(connection),
    onConnectionFailure: (code) => void got.push(code),
  };
}

const waiters = (count: number) => Array.from({ length: count }, waiter);
const loads = (...connections: readonly PlainConnection[]) => connections.map(({ load }) => load);

t.test('requests wait for one connection as long as it will take them all, then for another', async (t) => {
  const { pool: one, opened, ready } = pool();
  const waiting = waiters(5);
  const counts = waiting.map((each) => {
    t.equal(one.acquire(each), null);
    return opened();
  });
  t.strictSame(counts, [1, 1, 2, 2, 3]);
  t.ok(one.isConnecting);
  const [first, second] = [ready(), ready()];
  t.strictSame(
    waiting.map(({ got }) => got[0]),
    [first, first, second, second, undefined],
  );
  const third = ready();
  t.equal(waiting[4]!.got[0], third);
  t.notOk(one.isConnecting);
});

t.test('a request goes to the connection that carries least, and to none that is full', async (t) => {
  const { pool: one, ready } = pool();
  const [first, second] = [ready(), ready()];
  for (const wanted of [
    [1, 0],
    [1, 1],
    [2, 1],
    [2, 2],
  ]) {
    t.type(one.acquire(waiter()), PlainConnection);
    t.strictSame(loads(first, second), wanted);
  }
  t.equal(one.acquire(waiter()), null);
});

t.test(
  'beyond the connections allowed as many wait as may, in their order, and the next one is turned away',
  async (t) => {
    const { pool: one, ready, opened } = pool({ max: 1 });
    const placed = waiters(2);
    for (const each of placed) t.equal(one.acquire(each), null);
    const waiting = waiters(2);
    for (const each of waiting) t.equal(one.acquire(each), null);
    t.equal(one.acquire(waiter()), 'overloaded', 'those whom the connection being made takes are not counted');
    const connection = ready();
    t.equal(one.pending, 2);
    t.equal(one.acquire(waiter()), 'overloaded');
    connection.done();
    t.strictSame([waiting[0]!.got, waiting[1]!.got], [[connection], []]);
    t.equal(one.acquire(waiter()), null, 'behind the others');
    connection.done();
    t.strictSame(waiting[1]!.got, [connection]);
    t.equal(opened(), 1);
  },
);

t.test('who waits no more gets nothing', async (t) => {
  const { pool: one, ready } = pool();
  const [gone, stays] = [waiter(), waiter()];
  one.acquire(gone);
  one.acquire(stays);
  one.cancel(gone);
  one.cancel(gone);
  const connection = ready();
  t.strictSame([gone.got, stays.got], [[], [connection]]);
});

t.test('an endpoint that takes fewer requests on a connection than hoped for gets more connections', async (t) => {
  const { pool: one, ready, opened } = pool({ streamsPerConnection: 100 });
  const waiting = waiters(4);
  for (const each of waiting) one.acquire(each);
  t.equal(opened(), 1);
  const first = ready(1);
  t.equal(opened(), 2);
  const second = ready(1);
  const third = ready(1);
  t.equal(opened(), 3, 'as many as are allowed');
  t.strictSame(
    waiting.map(({ got }) => got[0]),
    [first, second, third, undefined],
  );
});

t.test('an endpoint that takes no request for now is not given one connection after the other', async (t) => {
  const { pool: one, ready, opened } = pool({ max: 100 });
  const waiting = waiter();
  one.acquire(waiting);
  const connection = ready(0);
  t.equal(opened(), 1);
  connection.capacity = 1;
  one.onRoom();
  t.strictSame(waiting.got, [connection]);
});

t.test('a connection that takes no more leaves its place to another', async (t) => {
  const { pool: one, ready, opened } = pool({ max: 1, streamsPerConnection: 1 });
  one.acquire(waiter());
  const first = ready();
  const waiting = waiter();
  one.acquire(waiting);
  t.equal(opened(), 1);
  first.retire();
  t.equal(opened(), 2);
  const second = ready();
  t.strictSame(waiting.got, [second]);
  first.done();
  t.equal(one.acquire(waiter()), null, 'and gets nothing any more');
  t.strictSame(loads(first, second), [0, 1]);
});

t.test('a worn connection makes room for another when the next request comes', async (t) => {
  const { pool: one, ready, opened } = pool({ max: 1, maxPending: 0 });
  one.acquire(waiter());
  const first = ready();
  first.isWorn = true;
  const [second, third] = waiters(2);
  t.equal(one.acquire(second!), null);
  t.ok(first.isRetired);
  t.equal(opened(), 2);
  t.equal(one.acquire(third!), null);
  const connection = ready();
  t.strictSame([second!.got, third!.got], [[connection], [connection]]);
});

t.test('a connection that cannot be made fails those for whom no other is on its way', async (t) => {
  const { pool: one, ready, endpoint } = pool({ max: 2 });
  const waiting = waiters(5);
  for (const each of waiting) t.equal(one.acquire(each), null);
  one.onConnectFailed();
  const failed = ['upstream_connect'];
  t.strictSame(
    waiting.map(({ got }) => got),
    [[], [], failed, failed, failed],
  );
  t.ok(endpoint.backoffUntilMs > 0);
  const connection = ready();
  t.equal(endpoint.backoffUntilMs, 0, 'reached after all');
  t.strictSame(waiting[0]!.got, [connection]);
  for (const each of waiters(3)) one.acquire(each);
  one.onConnectFailed();
  t.equal(endpoint.backoffUntilMs, 0, 'it takes requests on the other one');
});

t.test('who tries again at once when a connection could not be made waits for a new one', async (t) => {
  const { pool: one, ready, opened } = pool();
  const again = waiter();
  const stubborn: PoolWaiter = { ...again, onConnectionFailure: () => one.acquire(again) };
  one.acquire(stubborn);
  one.onConnectFailed();
  t.equal(opened(), 2);
  const connection = ready();
  t.strictSame(again.got, [connection]);
});

t.test('an endpoint of several workers gets as many connections once one is in use', async (t) => {
  const { pool: one, ready, opened } = pool({ streamsPerConnection: 100 }, 2);
  const first = waiter();
  one.acquire(first);
  const connection = ready();
  t.equal(opened(), 1);
  one.acquire(waiter());
  t.equal(opened(), 2);
  one.acquire(waiter());
  t.equal(opened(), 2);
  const other = ready();
  t.strictSame(loads(connection, other), [3, 0]);
});

t.test('tunnels go through connections of their own', async (t) => {
  const { pool: one, opened, tunnels } = pool({ max: 1 });
  const tunnel = waiter();
  t.equal(one.acquireForTunnel(tunnel), null);
  t.strictSame([opened(), tunnels.size], [0, 1]);
  one.cancel(tunnel);
  t.equal(one.acquire(waiter()), null);
});

t.test('a pool that is closed serves who still waits, and keeps no connection', async (t) => {
  const { pool: one, ready } = pool();
  const idle = ready();
  const waiting = waiters(3);
  for (const each of waiting) one.acquire(each);
  one.close();
  t.ok(idle.isRetired);
  const late = ready();
  t.strictSame(waiting[2]!.got, [late]);
  t.ok(late.isRetired);
});

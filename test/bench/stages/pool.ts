import { deepStrictEqual } from 'node:assert/strict';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { Pool, type PooledConnection, type PoolSettings } from '../../../dataplane/upstream/pool.ts';
import type { Stage } from './stage.ts';

const connections = 32;

/** As much of a connection as a pool looks at. */
type Fake = { readonly id: number; isUsable(nowMs: number): boolean; rest(): void; close(): void };

const fake = (id: number): Fake => ({
  id,
  isUsable: (nowMs) => nowMs < 1e9,
  rest: () => undefined,
  close: () => {
    throw new Error(`connection ${id} was closed`);
  },
});

export const stage: Stage = {
  name: 'pool',
  what: `take one of ${connections} idle connections and give it back`,
  plain: 'filter what is usable, copy the list',
  prepare() {
    const pool = fullPool();
    let idle = Array.from({ length: connections }, (_, id) => fake(id));
    const acquirePlain = (): Fake => {
      const usable = idle.filter((connection) => connection.isUsable(1));
      idle = usable.slice(0, -1);
      return usable.at(-1)!;
    };
    const releasePlain = (connection: Fake) => {
      idle = [...idle, connection];
    };
    return {
      check() {
        // As many requests as connections at most, some at once: what was given back last is taken first.
        for (let step = 0; step < 200; step++) {
          const count = 1 + ((step * 7) % connections);
          const fast = Array.from({ length: count }, () => acquire(pool));
          const plain = Array.from({ length: count }, acquirePlain);
          deepStrictEqual(
            fast.map(({ id }) => id),
            plain.map(({ id }) => id),
          );
          for (const connection of fast) pool.release(asPooled(connection));
          for (const connection of plain) releasePlain(connection);
        }
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          const connection = acquire(pool);
          sum += connection.id;
          pool.release(asPooled(connection));
        }
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          const connection = acquirePlain();
          sum += connection.id;
          releasePlain(connection);
        }
        return sum;
      },
    };
  },
};

const asPooled = (connection: Fake) => connection as unknown as PooledConnection;

const waiter = {
  onConnection: () => undefined,
  onConnectionFailure: () => {
    throw new Error('no connection failed');
  },
};

function acquire(pool: Pool): Fake {
  return pool.acquire(waiter) as unknown as Fake;
}

/** A pool whose connections rest in the order of their ids. */
function fullPool(): Pool {
  const made: Fake[] = [];
  const connect = () => {
    made.push(fake(made.length));
    return asPooled(made.at(-1)!);
  };
  const settings: Partial<PoolSettings> = { max: connections, maxIdle: connections, maxPending: connections };
  const pool = new Pool(new Endpoint('e', '127.0.0.1', 1, {}), settings as PoolSettings, connect, () => 1);
  for (let i = 0; i < connections; i++) deepStrictEqual(pool.acquire(waiter), null);
  for (const connection of made) pool.onConnected(asPooled(connection)); // each goes to who waits for it
  for (const connection of made) pool.release(asPooled(connection));
  return pool;
}

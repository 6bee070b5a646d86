import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Owner } from './owner.ts';

export type TcpRelay = {
  readonly address: string;
  /** Ends all connections and takes no others until `mend`. */
  cut(): void;
  mend(): void;
  /** Has the connections that are open carry nothing any more, as when a host vanishes. New ones do. */
  deaden(): void;
};

/** Carries connections to an address on this machine, until it is told otherwise. */
export async function startTcpRelay(t: Owner, target: string): Promise<TcpRelay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isCut = false;
  const end = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
  };
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(Number(target.split(':')[1]), '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [one, other] of [pair, [far, near]] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        other.destroy();
        pairs.delete(pair);
      });
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    end();
    server.close();
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true;
      end();
    },
    mend: () => {
      isCut = false;
    },
    deaden: () => {
      for (const [near, far] of pairs) {
        near.unpipe().resume();
        far.unpipe().resume();
      }
    },
  };
}

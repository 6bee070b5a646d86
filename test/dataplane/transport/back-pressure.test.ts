import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { takeOver } from '../../../dataplane/transport/open.ts';
import { until } from '../../harness/until.ts';

const piece = Buffer.alloc(10_000, 'x');

for (const kind of ['handle', 'socket'] as const)
  t.test(
    `a transport is blocked from its owner’s bound on, not before, until all has left, on the ${kind}`,
    async (t) => {
      const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const peer = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
      const [accepted] = (await once(server, 'connection')) as [Socket];
      const transport = takeOver(accepted, kind);
      t.teardown(() => {
        peer.destroy();
        transport.destroy();
        server.close();
      });
      let drains = 0;
      transport.start({
        bufferBytes: 3 * piece.length,
        onRead: () => true,
        onEnd: () => undefined,
        onDrain: () => drains++,
        onClosed: () => undefined,
      });
      // Into the kernel's buffers, until one has to wait.
      while (transport.unsentBytes === 0) {
        transport.write(piece);
        await new Promise(setImmediate);
      }
      t.strictSame([transport.unsentBytes, transport.isBlocked], [piece.length, false]);
      transport.write(piece.subarray(0, piece.length - 1));
      transport.write(piece);
      t.strictSame([transport.unsentBytes, transport.isBlocked], [3 * piece.length - 1, false]);
      transport.write(piece.subarray(0, 1));
      t.strictSame([transport.unsentBytes, transport.isBlocked], [3 * piece.length, true]);
      t.equal(drains, 0);
      peer.resume();
      await until(() => !transport.isBlocked);
      t.strictSame([transport.unsentBytes, drains], [0, 1]);
    },
  );

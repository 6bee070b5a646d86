import t from 'tap';
import { takeOver } from '../../../shared/transport/open.ts';
import { connectedSockets } from '../../harness/connected-sockets.ts';
import { until } from '../../harness/until.ts';

const piece = Buffer.alloc(10_000, 'x');

for (const kind of ['handle', 'socket'] as const)
  t.test(
    `a transport is blocked from its owner’s bound on, not before, until all has left, on the ${kind}`,
    async (t) => {
      const { accepted, calling: peer } = await connectedSockets(t);
      peer.pause();
      const transport = takeOver(accepted, kind);
      t.teardown(() => transport.destroy());
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

import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { takeOver } from '../../../shared/transport/open.ts';
import { connectedSockets } from '../../harness/connected-sockets.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const pieceBytes = 96 * 1024;
const pieces = 300;

for (const kind of ['handle', 'socket'] as const)
  t.test(`bytes that wait for a slow peer stay what they were, on the ${kind}`, async (t) => {
    const { accepted, calling: peer } = await connectedSockets(t);
    peer.pause();
    const transport = takeOver(accepted, kind);
    t.teardown(() => transport.destroy());
    transport.start({
      onRead: () => true,
      onEnd: () => undefined,
      bufferBytes: 1,
      onDrain: () => undefined,
      onClosed: () => undefined,
    });
    for (let i = 0; i < pieces; i++) transport.write(Buffer.allocUnsafeSlow(pieceBytes).fill('a'));
    t.ok(transport.unsentBytes > 0);
    // Nobody but the transport has the pieces now. Were they let go, other buffers would take their place.
    collectGarbage();
    await new Promise(setImmediate);
    collectGarbage();
    const others = Array.from({ length: pieces }, () => Buffer.allocUnsafeSlow(pieceBytes).fill('b'));
    let received = 0;
    let changed = 0;
    peer.on('data', (chunk: Buffer) => {
      received += chunk.length;
      for (const byte of chunk) if (byte !== 97) changed++;
    });
    peer.resume();
    while (received < pieces * pieceBytes) await once(peer, 'data');
    t.equal(changed, 0);
    t.equal(others.length, pieces);
  });

import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { startProcess } from '../../harness/process.ts';
import { onProxyCpu } from '../placement.ts';
import type { Rig } from '../rig.ts';
import { timeEach } from './quantiles.ts';

/** What a message takes to a process on the CPU of the proxies and back, which nothing that is asked over a port is quicker than. */
export async function timeRoundTrips(rig: Rig, times: number, pauseMs: number): Promise<number[]> {
  const server = await startProcess({
    ...onProxyCpu(rig.place, process.execPath, [join(import.meta.dirname, '..', 'echo-main.ts')]),
    t: rig.owner,
    ready: /^port \d+$/,
  });
  const socket = connect({ host: '127.0.0.1', port: Number(/^port (\d+)$/m.exec(server.output())![1]), noDelay: true });
  try {
    await once(socket, 'connect');
    const ask = async () => {
      socket.write('\r\n\r\n');
      await once(socket, 'data');
    };
    await timeEach(times, 0, ask);
    return await timeEach(times, pauseMs, ask);
  } finally {
    socket.destroy();
    await server.stop();
  }
}

// Loaded into every thread of a measured proxy (`--import`): tells on SIGUSR2, one line a worker on stdout, how many
// connections it has accepted and how many requests it has answered. Between two questions it costs nothing a request:
// the counts are read from the worker's metrics memory, which the exposition sums over all workers.
import { subscribe } from 'node:diagnostics_channel';
import { BroadcastChannel, isMainThread, parentPort, threadId, workerData } from 'node:worker_threads';

const channel = new BroadcastChannel('meshlane-worker-probe');
channel.unref();

if (isMainThread) {
  process.on('SIGUSR2', () => channel.postMessage('tell'));
} else if (workerData?.metrics instanceof SharedArrayBuffer) {
  const values = new Float64Array(workerData.metrics);
  const slots = [];
  const post = parentPort.postMessage.bind(parentPort);
  parentPort.postMessage = (message, ...rest) => {
    if (message.type === 'series' && message.series.name === 'meshlane_requests_total') slots.push(message.series.slot);
    return post(message, ...rest);
  };
  let connections = 0;
  subscribe('net.server.socket', () => {
    connections += 1;
  });
  channel.onmessage = () => {
    const requests = slots.reduce((sum, slot) => sum + values[slot], 0);
    console.log(`probe ${JSON.stringify({ thread: threadId, connections, requests })}`);
  };
}

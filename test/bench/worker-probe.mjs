// Loaded into every thread of a measured proxy (`--import`): tells on SIGUSR2, one line a worker on stdout, how many
// connections it has had and how many requests it has answered. Between two questions it costs nothing a request:
// the counts are read from the worker's metrics memory, which the exposition sums over all workers.
import { BroadcastChannel, isMainThread, parentPort, threadId, workerData } from 'node:worker_threads';

const channel = new BroadcastChannel('meshlane-worker-probe');
channel.unref();

if (isMainThread) {
  process.on('SIGUSR2', () => channel.postMessage('tell'));
} else if (workerData?.metrics instanceof SharedArrayBuffer) {
  const values = new Float64Array(workerData.metrics);
  const slots = { meshlane_requests_total: [], meshlane_connections_opened_total: [] };
  const post = parentPort.postMessage.bind(parentPort);
  parentPort.postMessage = (message, ...rest) => {
    if (message.type === 'series') slots[message.series.name]?.push(message.series.slot);
    return post(message, ...rest);
  };
  const sumOf = (name) => slots[name].reduce((sum, slot) => sum + values[slot], 0);
  channel.onmessage = () => {
    const connections = sumOf('meshlane_connections_opened_total');
    const requests = sumOf('meshlane_requests_total');
    console.log(`probe ${JSON.stringify({ thread: threadId, connections, requests })}`);
  };
}

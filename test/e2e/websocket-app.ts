/** A stock WebSocket server that sends back what it gets: `node websocket-app.ts`. It knows nothing of the mesh. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
  socket.on('error', () => undefined); // whoever calls may break the connection
});
server.on('listening', () => {
  process.stdout.write(`ready: app 127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

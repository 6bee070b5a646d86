// A server whose delay is known, to hold the open load against: answers each request DELAY_US after it was read, by
// spinning, and every STALL_EVERY_MS does nothing for STALL_MS. Arguments: DELAY_US STALL_MS STALL_EVERY_MS.
import { type AddressInfo, createServer } from 'node:net';

const [delayUs = 0, stallMs = 0, stallEveryMs = 0] = process.argv.slice(2).map(Number);
const reply = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'latin1');
const requestEnd = Buffer.from('\r\n\r\n', 'latin1');

function spinUntil(ms: number): void {
  while (performance.now() < ms);
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    const readMs = performance.now();
    if (!bytes.subarray(-4).equals(requestEnd)) return socket.destroy(); // each request comes alone and whole
    spinUntil(readMs + delayUs / 1000);
    socket.write(reply);
  });
});
if (stallMs > 0) setInterval(() => spinUntil(performance.now() + stallMs), stallEveryMs);
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));

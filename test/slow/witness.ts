import { connect, type Socket } from 'node:net';

export const witnesses = 10;
const everyMs = 500;

/** Slow callers of our own among those of the attack: they never end their heads, and tell when they were closed. */
export function openWitnesses(port: number): { longestMs(): number; stop(): void } {
  const sockets: Socket[] = [];
  const timers: NodeJS.Timeout[] = [];
  let longestMs = 0;
  for (let i = 0; i < witnesses; i++) {
    const sinceMs = performance.now();
    const socket = connect(port, '127.0.0.1').resume();
    socket.write('GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - sinceMs);
      socket.write(`X-More: ${i}\r\n`);
    }, everyMs);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      clearInterval(timer);
      longestMs = Math.max(longestMs, performance.now() - sinceMs);
    });
    sockets.push(socket);
    timers.push(timer);
  }
  return {
    longestMs: () => longestMs,
    stop: () => {
      timers.forEach(clearInterval);
      for (const socket of sockets) socket.destroy();
    },
  };
}

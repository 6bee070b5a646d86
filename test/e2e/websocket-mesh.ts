import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ClientOptions, WebSocket, type WebSocketServer } from 'ws';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import type { SidecarPair } from './sidecar-pair.ts';

/** Waits until the server listens, and ends it with its owner; resolves with its port. */
export async function portOf(t: Owner, server: WebSocketServer): Promise<number> {
  if (server.address() === null) await once(server, 'listening');
  server.on('connection', (socket) => socket.on('error', () => undefined)); // the tests break connections on purpose
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Opens a stock client to the service `app` through the caller's sidecar. */
export async function openSocket(
  t: Owner,
  { caller }: SidecarPair,
  { path = '/chat', ...options }: { path?: string } & ClientOptions = {},
): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${caller.port}${path}`, {
    headers: { host: 'app' },
    perMessageDeflate: false,
    ...options,
  });
  t.teardown(() => socket.terminate());
  socket.on('error', () => undefined); // 'close' follows with the code
  await once(socket, 'open');
  return socket;
}

/** Code and reason that a socket closes with. Call it before the close can happen. */
export async function closeOf(socket: WebSocket): Promise<{ code: number; reason: string; atMs: number }> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return { code, reason: reason.toString(), atMs: performance.now() };
}

/** Waits until neither sidecar carries anything any more. */
export async function untilQuiet(...sidecars: readonly SidecarPair['caller'][]): Promise<void> {
  for (const sidecar of sidecars)
    await until(async () => (await sidecar.metric('meshlane_requests_in_flight')) === 0, {
      what: 'the end of every request',
    });
}

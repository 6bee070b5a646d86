import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { TlsAcceptor } from '../../dataplane/listener/tls-acceptor.ts';
import type { WorkerContext } from '../../dataplane/worker/worker-context.ts';
import { TimerWheel } from '../../shared/time/timer-wheel.ts';
import { openTransport, type TransportKind, takeOver } from '../../shared/transport/open.ts';
import { isStreamHandle } from '../../shared/transport/stream-handle.ts';
import type { Transport } from '../../shared/transport/transport.ts';
import { makeCertificate } from '../harness/certificate.ts';
import { connectedSockets } from '../harness/connected-sockets.ts';
import { runCommand } from '../harness/run-command.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { bytesAt, type MakePair, Recorder, transportContract } from './transport.contract.ts';

const files = await makeCertificate(tempFolder(t));
const certificate = readFileSync(files.certificate, 'utf8');
const shown = {
  certificate,
  privateKey: readFileSync(files.privateKey, 'utf8'),
  minVersion: 'TLSv1.2',
  ticketKeys: Buffer.alloc(48, 1),
} as const;

function clear(kind: TransportKind): MakePair {
  return async (t, early) => {
    const { accepted, calling } = await connectedSockets(t);
    const transport = takeOver(accepted, kind);
    t.teardown(() => transport.destroy());
    if (early) calling.write(early);
    return { transport, peer: calling.pause(), breakPeer: () => calling.resetAndDestroy() };
  };
}

function acceptorFor(kind: TransportKind): TlsAcceptor {
  const now = () => performance.now();
  const context = {
    wheel: new TimerWheel(now),
    limits: { handshakeTimeoutMs: 10_000 },
    transportKind: kind,
    now,
    tick: () => undefined,
  };
  return new TlsAcceptor(context as unknown as WorkerContext, shown, 'auto');
}

function secured(kind: TransportKind, version: 'TLSv1.2' | 'TLSv1.3'): MakePair {
  return async (t, early) => {
    const { accepted, calling } = await connectedSockets(t);
    const opened = new Promise<Transport>((resolve, reject) =>
      acceptorFor(kind).accept(accepted, resolve, () => reject(new Error('the handshake failed'))),
    );
    const peer = connectTls({ socket: calling, ca: certificate, minVersion: version, maxVersion: version });
    if (early) peer.write(early); // leaves with the last of the handshake
    const shaken = once(peer, 'secureConnect');
    const transport = await opened;
    t.teardown(() => {
      transport.destroy();
      peer.destroy();
    });
    await shaken;
    return { transport, peer: peer.pause(), breakPeer: () => calling.resetAndDestroy() };
  };
}

for (const kind of ['handle', 'socket'] as const) {
  transportContract(t, `${kind} in the clear`, clear(kind));
  transportContract(t, `${kind} under TLS 1.3`, secured(kind, 'TLSv1.3'));
}
transportContract(t, 'handle under TLS 1.2', secured('handle', 'TLSv1.2'));

for (const kind of ['handle', 'socket'] as const)
  t.test(`${kind} under TLS: a record that cannot be read closes, once`, async (t) => {
    const { accepted, calling } = await connectedSockets(t);
    const opened = new Promise<Transport>((resolve, reject) => acceptorFor(kind).accept(accepted, resolve, reject));
    const peer = connectTls({ socket: calling, ca: certificate });
    peer.on('error', () => undefined);
    const [transport] = await Promise.all([opened, once(peer, 'secureConnect')]);
    t.teardown(() => transport.destroy());
    const owner = new Recorder(transport);
    transport.start(owner);
    peer.write('fine');
    await until(() => owner.received.toString() === 'fine');
    calling.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => owner.count('closed') === 1);
    t.same(owner.events, ['read', 'closed']);
  });

t.test('an answer of a peer that broke the connection while it was written to is read to its end', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      // Unread bytes make the close a RST, as of a server that refuses an upload.
      socket.pause();
      socket.write('the answer', () => socket.destroy());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const transport = await new Promise<Transport>((resolve, reject) =>
    openTransport(address, 'handle', resolve, reject),
  );
  t.teardown(() => transport.destroy());
  const owner = new Recorder(transport);
  owner.takes = () => true;
  // Reads only when the write has failed.
  transport.start(owner);
  transport.pause();
  for (let sent = 0; sent < 200 && owner.count('closed') === 0; sent++) {
    transport.write(bytesAt(0, 100_000));
    await new Promise(setImmediate);
  }
  transport.resume();
  await until(() => owner.count('closed') === 1);
  t.equal(owner.received.toString(), 'the answer');
  t.equal(owner.count('closed'), 1);
});

t.test('what is no handle of Node as we know it is taken for none', async (t) => {
  for (const other of [undefined, null, 5, 'handle', {}, { onread: null, readStart() {}, readStop() {} }])
    t.notOk(isStreamHandle(other));
  const { accepted } = await connectedSockets(t);
  t.ok(isStreamHandle((accepted as unknown as { _handle: unknown })._handle));
});

t.test('a Node without the bindings carries connections on its sockets', async (t) => {
  const folder = new URL('../../shared/transport/', import.meta.url);
  const script = `
    process.binding = undefined;
    const { streamBindings } = await import('${folder}stream-handle.ts');
    const { takeOver } = await import('${folder}open.ts');
    const net = await import('node:net');
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {
      const transport = takeOver(socket, 'handle');
      console.log(streamBindings, transport.constructor.name);
      transport.start({ onRead: () => true, onEnd: () => {}, onDrain: () => {}, onClosed: () => {} });
      transport.write(Buffer.from('served'));
      transport.end(() => server.close());
    }).listen(0, () => {
      net.connect(server.address().port).on('data', (bytes) => console.log(String(bytes)));
    });`;
  const ran = await runCommand(process.execPath, ['--input-type=module', '-e', script]);
  t.match(ran.stdout, /^null SocketTransport\nserved\n$/);
  t.equal(ran.code, 0, ran.stderr);
});

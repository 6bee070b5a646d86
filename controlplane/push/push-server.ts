/**
 * The gRPC server of the push protocol. It takes connections from a listener of ours, so that the connection of a peer
 * that reads nothing can be cut: ending its stream would wait behind the bytes it does not take.
 */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Log } from '../../observability/logging/log.ts';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import {
  DiscoveryService,
  type WireInstanceName,
  type WireLease,
  type WireRegistration,
  type WireSidecarMessage,
  type WireUpdate,
} from '../../shared/discovery/discovery.ts';
import { channelOptions, grpc } from '../../shared/grpc/grpc.ts';
import type { Clock } from '../../shared/time/clock.ts';
import { CallInterceptor } from '../access/call-interceptor.ts';
import type { Gate } from '../access/gate.ts';
import { type Pass, type PushCaller, PushGuard } from '../access/push-guard.ts';
import type { ServerTls } from '../access/server-tls.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Admission } from '../holds/admission.ts';
import type { Registry } from '../registry/registry.ts';
import type { CloseReason, PushHub } from './push-hub.ts';
import { deregister, heartbeat, register } from './registration.ts';
import { SidecarStream } from './sidecar-stream.ts';

type Call = grpc.ServerDuplexStream<WireSidecarMessage, WireUpdate>;
export type PushServer = { readonly address: Address; close(): Promise<void> };

const helloTimeoutMs = 15_000;
/** Time a closed stream has for its last words to be read. */
const lastWordsMs = 1_000;
const mostConnections = 20_000;
/** A sidecar has one stream and now and then a call; one that asks for more waits. */
const mostCalls = 10;
/** The longest answer refuses 10,000 resources, each by its name. Updates are larger, but go the other way. */
const longestMessageBytes = 4 * 1024 * 1024;
const namePattern = /^[\x21-\x7e]{1,253}$/;

const codes: Readonly<Record<CloseReason, grpc.status>> = {
  slow: grpc.status.DEADLINE_EXCEEDED,
  replaced: grpc.status.ABORTED,
  stopping: grpc.status.UNAVAILABLE,
  restarted: grpc.status.UNAVAILABLE,
  old: grpc.status.UNAVAILABLE,
};

export type PushServerParts = {
  readonly hub: PushHub;
  readonly admission: Admission;
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: Gate;
  /** Null: in the clear. */
  readonly tls: ServerTls | null;
};

/** Serves the push protocol; rejects with one line that names the port and the flag when it cannot listen. */
export async function startPushServer(parts: PushServerParts, address: Address): Promise<PushServer> {
  const { hub, admission, catalog, registry, clock, tls } = parts;
  const sockets = new Map<string, Socket>();
  const guard = new PushGuard(parts.gate, catalog);
  const interceptor = new CallInterceptor(guard, (peer) => sockets.get(peer));
  const server = new grpc.Server({
    ...channelOptions,
    'grpc.max_receive_message_length': longestMessageBytes,
    'grpc.max_concurrent_streams': mostCalls,
    interceptors: [interceptor.intercept],
  });

  const openStream = (call: Call) => {
    let stream: SidecarStream | null = null;
    let leaveQueue: (() => void) | null = null;
    let pass: Pass | null = null;
    const socket = sockets.get(call.getPeer());
    const end = (code: grpc.status, text: string) => {
      clearTimeout(helloTimer);
      if (call.cancelled) return;
      call.emit('error', { code, details: text });
      const cut = setTimeout(() => socket?.destroy(), lastWordsMs);
      cut.unref();
      call.once('finish', () => clearTimeout(cut));
      call.once('close', () => clearTimeout(cut));
    };
    const helloTimer = setTimeout(() => end(grpc.status.DEADLINE_EXCEEDED, 'no Hello came'), helloTimeoutMs);
    const leave = () => {
      clearTimeout(helloTimer);
      leaveQueue?.();
      if (stream) hub.remove(stream);
      pass?.release();
    };
    call.on('data', ({ hello, ack }: WireSidecarMessage) => {
      if (stream) {
        if (ack) stream.ack(ack);
        return;
      }
      if (leaveQueue) return;
      clearTimeout(helloTimer);
      if (!hello) return end(grpc.status.INVALID_ARGUMENT, 'the first message must be Hello');
      if (!namePattern.test(hello.sidecar))
        return end(
          grpc.status.INVALID_ARGUMENT,
          'Hello.sidecar must be a name of 1 to 253 printable characters without spaces',
        );
      if (hub.isFull) return end(grpc.status.RESOURCE_EXHAUSTED, 'this control plane has as many sidecars as it takes');
      const claim = guard.claim(interceptor.callerOf(call), hello, (why) => end(grpc.status.PERMISSION_DENIED, why));
      if (typeof claim === 'string') return end(grpc.status.PERMISSION_DENIED, claim);
      pass = claim;
      leaveQueue = admission.enter(hello, () => {
        stream = new SidecarStream(
          hello,
          call.getPeer(),
          catalog,
          (update) => call.write(update),
          () => clock.monotonicMs(),
        );
        hub.add(stream, (reason, text) => end(codes[reason], text));
      });
    });
    call.on('end', () => {
      leave();
      call.end();
    });
    call.on('cancelled', leave);
    call.on('error', leave);
  };

  server.addService(DiscoveryService.service, {
    stream: openStream,
    register: unary(interceptor, (request: WireRegistration, { by }) => register(registry, request, by)),
    heartbeat: unary(interceptor, (request: WireInstanceName, caller) => {
      guard.mustOwn(caller, request.name);
      return heartbeat(registry, request);
    }),
    deregister: unary(interceptor, (request: WireInstanceName, caller) => {
      guard.mustOwn(caller, request.name);
      hub.leave(request.name);
      return deregister(registry, request, caller.by);
    }),
  });

  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const accept = (socket: Socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    sockets.set(peer, socket);
    socket.once('close', () => sockets.delete(peer));
    injector.injectConnection(socket);
  };
  const listener = tls
    ? createTlsServer({ ...tls.options, ALPNProtocols: ['h2'], noDelay: true }, accept)
    : createServer({ noDelay: true }, accept);
  tls?.attach(listener);
  listener.maxConnections = mostConnections;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  listener.once('error', (error) => reject(listenError(error, address, '--push')));
  listener.listen(address.port, address.host, resolve);
  await listening;
  const bound = listener.address();
  const port = typeof bound === 'object' && bound ? bound.port : address.port;
  return {
    address: { host: address.host, port },
    close: async () => {
      const closed = new Promise<void>((done) => listener.close(() => done()));
      injector.destroy();
      // Streams were told by the hub that it stops; whoever has not gone by then is cut off.
      const cut = setTimeout(() => {
        for (const socket of sockets.values()) socket.destroy();
      }, lastWordsMs);
      await closed;
      clearTimeout(cut);
      server.forceShutdown();
    },
  };
}

function unary<Request>(
  interceptor: CallInterceptor,
  answer: (request: Request, caller: PushCaller) => Promise<WireLease>,
): grpc.handleUnaryCall<Request, WireLease> {
  return (call, callback) => {
    const work = async () => answer(call.request, interceptor.callerOf(call));
    work().then(
      (lease) => callback(null, lease),
      (error: unknown) => callback(error as grpc.ServiceError),
    );
  };
}

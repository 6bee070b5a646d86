/** The push protocol as a service of gRPC: streams go to the hub, registrations to the registry. */
import type { Address } from '../../shared/discovery/address.ts';
import { discoveryMethods } from '../../shared/discovery/discovery-methods.ts';
import type { WireHello, WireSidecarMessage } from '../../shared/discovery/messages.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { type GrpcServer, type Methods, startGrpcServer } from '../../shared/grpc/server/grpc-server.ts';
import type { CallHandler, Method, ServerCall } from '../../shared/grpc/server/server-call.ts';
import { StatusError } from '../../shared/grpc/server/status-error.ts';
import { unary } from '../../shared/grpc/server/unary.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Gate } from '../access/gate.ts';
import { type Pass, type PushCaller, PushGuard } from '../access/push-guard.ts';
import { listenerOf } from '../access/secure-listener.ts';
import type { ServerTls } from '../access/server-tls.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Admission } from '../holds/admission.ts';
import type { Registry } from '../registry/registry.ts';
import type { CloseReason, PushHub } from './push-hub.ts';
import { deregister, heartbeat, register } from './registration.ts';
import { isSoundReport } from './report-bounds.ts';
import { scopeFault } from './scope.ts';
import type { SidecarStream } from './sidecar-stream.ts';

const helloTimeoutMs = 15_000;
const mostConnections = 20_000;
/** A sidecar has one stream and now and then a call; one that asks for more waits. */
const mostCalls = 10;
/** The longest answer refuses 10,000 resources, each by its name. Updates are larger, but go the other way. */
const mostMessageBytes = 4 * 1024 * 1024;
/** A store of etcd takes documents of 1.5 MiB. */
const mostDocumentBytes = 2 * 1024 * 1024;
const mostNameBytes = 1_024;
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
  readonly gate: Gate;
  /** Null: in the clear. */
  readonly tls: ServerTls | null;
};

/** Serves the push protocol; rejects with one line that names the port and the flag when it cannot listen. */
export function startPushServer(parts: PushServerParts, address: Address): Promise<GrpcServer> {
  const { hub, admission, registry, clock, tls } = parts;
  const guard = new PushGuard(parts.gate, parts.catalog);
  const admit = (call: ServerCall<unknown>) => guard.admit(call);
  const { Stream, Register, Heartbeat, Deregister } = discoveryMethods;
  const stream: Method<WireSidecarMessage> = {
    decode: Stream.requestDeserialize,
    open: (call) => {
      const caller = guard.admit(call);
      return caller instanceof StatusError ? caller : new StreamHandler(hub, admission, guard, caller, call);
    },
  };
  const methods: Methods = {
    [Stream.path]: stream,
    [Register.path]: unary(Register, admit, (request, { by }) => register(registry, request, by), mostDocumentBytes),
    [Heartbeat.path]: unary(
      Heartbeat,
      admit,
      async (request, caller) => {
        guard.mustOwn(caller, request.name);
        return heartbeat(registry, request);
      },
      mostNameBytes,
    ),
    [Deregister.path]: unary(
      Deregister,
      admit,
      async (request, caller) => {
        guard.mustOwn(caller, request.name);
        if (parts.catalog.stored('Instance', request.name)) hub.leave(request.name);
        return deregister(registry, request, caller.by);
      },
      mostNameBytes,
    ),
  };
  const limits = { mostConnections, mostCalls, mostMessageBytes };
  return startGrpcServer(
    { ...limits, ...listenerOf(tls), methods, flag: '--push', now: () => clock.monotonicMs() },
    address,
  );
}

/** One call of Stream: nothing until Hello has come, a stream of the hub from then on. */
class StreamHandler implements CallHandler<WireSidecarMessage> {
  readonly #hub: PushHub;
  readonly #call: ServerCall<WireSidecarMessage>;
  readonly #helloTimer: NodeJS.Timeout;
  readonly #guard: PushGuard;
  readonly #caller: PushCaller;
  readonly #admission: Admission;
  #pass: Pass | null = null;
  #hello: WireHello | null = null;
  #leaveQueue: (() => void) | null = null;
  /** Null until it is served. */
  #stream: SidecarStream | null = null;

  constructor(
    hub: PushHub,
    admission: Admission,
    guard: PushGuard,
    caller: PushCaller,
    call: ServerCall<WireSidecarMessage>,
  ) {
    this.#hub = hub;
    this.#admission = admission;
    this.#guard = guard;
    this.#caller = caller;
    this.#call = call;
    this.#helloTimer = setTimeout(() => this.#end(grpc.status.DEADLINE_EXCEEDED, 'no Hello came'), helloTimeoutMs);
  }

  onMessage({ hello, ack, scope, report }: WireSidecarMessage): void {
    const stream = this.#stream;
    if (!this.#hello) return this.#begin(hello);
    if (ack) stream?.ack(ack);
    else if (scope) {
      const fault = scopeFault(scope.services);
      if (fault) this.#refuse(fault);
      else if (stream) stream.setScope(scope.services);
      else this.#hello = { ...this.#hello, services: scope.services };
    } else if (stream && report && isSoundReport(report)) this.#hub.report(stream.hello.sidecar, report);
  }

  onEnd(): void {
    this.#leave();
    this.#call.end(grpc.status.OK);
  }

  onCancel(): void {
    this.#leave();
  }

  #begin(hello: WireHello | null | undefined): void {
    clearTimeout(this.#helloTimer);
    if (!hello) return this.#refuse('the first message must be Hello');
    if (!namePattern.test(hello.sidecar))
      return this.#refuse('Hello.sidecar must be a name of 1 to 253 printable characters without spaces');
    const fault = scopeFault(hello.services);
    if (fault) return this.#refuse(fault);
    if (this.#hub.isFull)
      return this.#end(grpc.status.RESOURCE_EXHAUSTED, 'this control plane has as many sidecars as it takes');
    const denied = (why: string) => this.#end(grpc.status.PERMISSION_DENIED, why);
    const pass = this.#guard.claim(this.#caller, hello, denied);
    if (typeof pass === 'string') return denied(pass);
    this.#pass = pass;
    this.#hello = hello;
    this.#leaveQueue = this.#admission.enter(hello, () => this.#open());
  }

  #open(): void {
    this.#stream = this.#hub.open(
      this.#hello!,
      this.#call.peer.text,
      (message) => this.#call.send(message),
      (reason, text) => this.#end(codes[reason], text),
    );
  }

  #refuse(text: string): void {
    this.#end(grpc.status.INVALID_ARGUMENT, text);
  }

  #end(code: grpc.status, text: string): void {
    this.#leave();
    this.#call.endOrCut(code, text);
  }

  #leave(): void {
    clearTimeout(this.#helloTimer);
    this.#leaveQueue?.();
    if (this.#stream) this.#hub.remove(this.#stream);
    this.#stream = null;
    this.#pass?.release();
  }
}

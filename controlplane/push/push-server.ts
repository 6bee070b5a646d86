/** The push protocol as a service of gRPC: streams go to the hub, registrations to the registry. */
import type { Address } from '../../shared/discovery/address.ts';
import { discoveryMethods, type WireHello, type WireSidecarMessage } from '../../shared/discovery/discovery.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { type GrpcServer, type Methods, startGrpcServer } from '../../shared/grpc/server/grpc-server.ts';
import type { CallHandler, Method, ServerCall } from '../../shared/grpc/server/server-call.ts';
import { unary } from '../../shared/grpc/server/unary.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Registry } from '../registry/registry.ts';
import type { CloseReason, PushHub } from './push-hub.ts';
import { deregister, heartbeat, register } from './registration.ts';
import { isSoundReport } from './report-bounds.ts';
import { scopeFault } from './scope.ts';
import type { SidecarStream } from './sidecar-stream.ts';

const helloTimeoutMs = 15_000;
/** Time a closed stream has for its last words to be read. */
const lastWordsMs = 1_000;
const mostConnections = 20_000;
/** A sidecar has one stream and now and then a call; one that asks for more waits. */
const mostCalls = 10;
/** The longest answer refuses 10,000 resources, each by its name. Updates are larger, but go the other way. */
const mostMessageBytes = 4 * 1024 * 1024;
const namePattern = /^[\x21-\x7e]{1,253}$/;

const codes: Readonly<Record<CloseReason, grpc.status>> = {
  slow: grpc.status.DEADLINE_EXCEEDED,
  replaced: grpc.status.ABORTED,
  stopping: grpc.status.UNAVAILABLE,
};

export type PushServerParts = {
  readonly hub: PushHub;
  readonly registry: Registry;
  readonly clock: Clock;
};

/** Serves the push protocol; rejects with one line that names the port and the flag when it cannot listen. */
export function startPushServer({ hub, registry, clock }: PushServerParts, address: Address): Promise<GrpcServer> {
  const { Stream, Register, Heartbeat, Deregister } = discoveryMethods;
  const stream: Method<WireSidecarMessage> = {
    decode: Stream.requestDeserialize,
    open: (call) => new StreamHandler(hub, call),
  };
  const methods: Methods = {
    [Stream.path]: stream,
    [Register.path]: unary(Register, (request) => register(registry, request)),
    [Heartbeat.path]: unary(Heartbeat, (request) => heartbeat(registry, request)),
    [Deregister.path]: unary(Deregister, (request) => {
      hub.leave(request.name);
      return deregister(registry, request);
    }),
  };
  const limits = { mostConnections, mostCalls, mostMessageBytes };
  return startGrpcServer({ ...limits, methods, flag: '--push', now: () => clock.monotonicMs() }, address);
}

/** One call of Stream: nothing until Hello has come, a stream of the hub from then on. */
class StreamHandler implements CallHandler<WireSidecarMessage> {
  readonly #hub: PushHub;
  readonly #call: ServerCall<WireSidecarMessage>;
  readonly #helloTimer: NodeJS.Timeout;
  #stream: SidecarStream | null = null;

  constructor(hub: PushHub, call: ServerCall<WireSidecarMessage>) {
    this.#hub = hub;
    this.#call = call;
    this.#helloTimer = setTimeout(() => this.#end(grpc.status.DEADLINE_EXCEEDED, 'no Hello came'), helloTimeoutMs);
  }

  onMessage({ hello, ack, scope, report }: WireSidecarMessage): void {
    const stream = this.#stream;
    if (!stream) return this.#begin(hello);
    if (ack) stream.ack(ack);
    else if (scope) {
      const fault = scopeFault(scope.services);
      if (fault) this.#refuse(fault);
      else stream.setScope(scope.services);
    } else if (report && isSoundReport(report)) this.#hub.report(stream.hello.sidecar, report);
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
    const { peer } = this.#call;
    this.#stream = this.#hub.open(
      hello,
      peer,
      (message) => this.#call.send(message),
      (reason, text) => this.#end(codes[reason], text),
    );
  }

  #refuse(text: string): void {
    this.#end(grpc.status.INVALID_ARGUMENT, text);
  }

  /** A peer that does not even read its status within a second loses the connection. */
  #end(code: grpc.status, text: string): void {
    this.#leave();
    this.#call.end(code, text);
    setTimeout(() => this.#call.cutUnlessRead(), lastWordsMs).unref();
  }

  #leave(): void {
    clearTimeout(this.#helloTimer);
    if (this.#stream) this.#hub.remove(this.#stream);
    this.#stream = null;
  }
}

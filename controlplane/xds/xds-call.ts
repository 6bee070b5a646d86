import type { Log } from '../../observability/logging/log.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { OutgoingMessage } from '../../shared/grpc/server/outgoing-message.ts';
import type { CallHandler, ServerCall } from '../../shared/grpc/server/server-call.ts';
import { StatusError } from '../../shared/grpc/server/status-error.ts';
import type { Pass, PushCaller, PushGuard } from '../access/push-guard.ts';
import { encodeResponse, type WireRequest } from './codec.ts';
import { nodeFacts } from './node-facts.ts';
import { type ResourceType, resourceTypes, typeUrls } from './resource-type.ts';
import type { Response } from './subscription.ts';
import type { XdsClient, XdsHub } from './xds-hub.ts';

export type CallParts = {
  readonly hub: XdsHub;
  readonly log: Log;
  readonly guard: PushGuard;
  readonly caller: PushCaller;
  /** What the control plane calls itself. */
  readonly identifier: string;
};

const firstRequestMs = 15_000;
const mostNames = 10_000;
const longestName = 1_024;
const longestLogged = 1_024;
const namelessNode = { id: '', cluster: '', user_agent_name: '', user_agent_version: '', metadata: null };
const typeOf: ReadonlyMap<string, ResourceType> = new Map(resourceTypes.map((type) => [typeUrls[type], type]));

/** One stream of one client, between gRPC and the hub: nothing until the first request has said who it is. */
export class XdsCall implements CallHandler<WireRequest> {
  readonly #call: ServerCall<WireRequest>;
  readonly #parts: CallParts;
  readonly #timer: NodeJS.Timeout;
  #client: XdsClient | null = null;
  #pass: Pass | null = null;

  constructor(call: ServerCall<WireRequest>, parts: CallParts) {
    this.#call = call;
    this.#parts = parts;
    this.#timer = setTimeout(() => this.#end(grpc.status.DEADLINE_EXCEEDED, 'no request came'), firstRequestMs);
  }

  onMessage(request: WireRequest): void {
    clearTimeout(this.#timer);
    const fault = faultOf(request);
    if (fault !== null) return this.#end(grpc.status.INVALID_ARGUMENT, fault);
    const client = this.#client ?? this.#enter(request);
    if (client instanceof StatusError) return this.#end(client.code, client.message);
    const type = typeOf.get(request.type_url);
    // Clients may ask for what is not there, such as secrets, and go on without an answer.
    if (type === undefined) return;
    const isRefusal = this.#parts.hub.ask(client, type, request);
    if (isRefusal) this.#tellRefusal(client, type, request.error_detail?.message ?? '');
  }

  onEnd(): void {
    this.#leave();
    this.#call.end(grpc.status.OK);
  }

  onCancel(): void {
    this.#leave();
  }

  /** Takes the client in, or says why it cannot be served. */
  #enter(request: WireRequest): XdsClient | StatusError {
    const { hub, guard, caller } = this.#parts;
    const node = nodeFacts(request.node ?? namelessNode);
    if (typeof node === 'string') return new StatusError(grpc.status.INVALID_ARGUMENT, node);
    if (hub.isFull)
      return new StatusError(grpc.status.RESOURCE_EXHAUSTED, 'this control plane has as many xDS clients as it takes');
    const denied = (why: string) => this.#end(grpc.status.PERMISSION_DENIED, why);
    const pass = guard.claim(caller, { sidecar: node.id, service: node.viewer.workload?.service ?? '' }, denied);
    if (typeof pass === 'string') return new StatusError(grpc.status.PERMISSION_DENIED, pass);
    this.#pass = pass;
    this.#client = {
      node,
      peer: this.#call.peer.text,
      write: (type, response) => this.#write(type, response),
      end: () => this.#end(grpc.status.UNAVAILABLE, 'the control plane stops'),
    };
    hub.add(this.#client);
    return this.#client;
  }

  #write(type: ResourceType, { version, nonce, resources }: Response): void {
    const message = encodeResponse({
      version_info: version,
      nonce,
      type_url: typeUrls[type],
      resources: resources.map(({ any }) => any),
      control_plane: { identifier: this.#parts.identifier },
    });
    this.#call.send(new OutgoingMessage([message]));
  }

  #tellRefusal({ node }: XdsClient, type: ResourceType, error: string): void {
    this.#parts.log.warn('an xDS client refused what it was sent', {
      node: node.id,
      type,
      error: error.slice(0, longestLogged),
    });
  }

  #end(code: grpc.status, details: string): void {
    this.#leave();
    this.#call.endOrCut(code, details);
  }

  #leave(): void {
    clearTimeout(this.#timer);
    if (this.#client) this.#parts.hub.remove(this.#client);
    this.#pass?.release();
  }
}

function faultOf({ resource_names }: WireRequest): string | null {
  if (resource_names.length > mostNames) return `more than ${mostNames} resource_names`;
  const isLong = resource_names.some((name) => name.length > longestName);
  return isLong ? `a name of more than ${longestName} characters in resource_names` : null;
}

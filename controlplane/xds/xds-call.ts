import type { Log } from '../../observability/logging/log.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { messageOf } from '../message-of.ts';
import type { WireRequest, WireResponse } from './codec.ts';
import { nodeFacts } from './node-facts.ts';
import { type ResourceType, resourceTypes, typeUrls } from './resource-type.ts';
import type { Response } from './subscription.ts';
import type { XdsClient, XdsHub } from './xds-hub.ts';

type Call = grpc.ServerDuplexStream<WireRequest, WireResponse>;
export type CallParts = { readonly hub: XdsHub; readonly log: Log; readonly identifier: string };

const firstRequestMs = 15_000;
const mostNames = 10_000;
const longestName = 1_024;
const longestLogged = 1_024;
const namelessNode = { id: '', cluster: '', user_agent_name: '', user_agent_version: '', metadata: null };
const typeOf: ReadonlyMap<string, ResourceType> = new Map(resourceTypes.map((type) => [typeUrls[type], type]));

/** One stream of one client, between gRPC and the hub. */
export class XdsCall {
  readonly #call: Call;
  readonly #parts: CallParts;
  readonly #timer: NodeJS.Timeout;
  #client: XdsClient | null = null;
  #hasEnded = false;

  constructor(call: Call, parts: CallParts) {
    this.#call = call;
    this.#parts = parts;
    this.#timer = setTimeout(() => this.#end(grpc.status.DEADLINE_EXCEEDED, 'no request came'), firstRequestMs);
    call.on('data', (request: WireRequest) => this.#take(request));
    call.on('end', () => {
      this.#leave();
      call.end();
    });
    call.on('cancelled', () => this.#leave());
    call.on('error', () => this.#leave());
  }

  #take(request: WireRequest): void {
    if (this.#hasEnded) return;
    clearTimeout(this.#timer);
    const fault = faultOf(request);
    if (fault !== null) return this.#end(grpc.status.INVALID_ARGUMENT, fault);
    this.#client ??= this.#enter(request);
    const type = typeOf.get(request.type_url);
    // Clients may ask for what is not there, such as secrets, and go on without an answer.
    if (this.#client === null || type === undefined) return;
    if (request.error_detail) this.#tellRefusal(this.#client, type, request.error_detail.message);
    this.#parts.hub.ask(this.#client, type, request);
  }

  /** Null when the client cannot be served, which ends the stream. */
  #enter({ node }: WireRequest): XdsClient | null {
    const { hub } = this.#parts;
    if (hub.isFull) {
      this.#end(grpc.status.RESOURCE_EXHAUSTED, 'this control plane has as many xDS clients as it takes');
      return null;
    }
    try {
      const client: XdsClient = {
        node: nodeFacts(node ?? namelessNode),
        peer: this.#call.getPeer(),
        write: (type, response) => this.#write(type, response),
        end: () => this.#end(grpc.status.UNAVAILABLE, 'the control plane stops'),
      };
      hub.add(client);
      return client;
    } catch (error) {
      this.#end(grpc.status.INVALID_ARGUMENT, messageOf(error));
      return null;
    }
  }

  #write(type: ResourceType, { version, nonce, resources }: Response): void {
    this.#call.write({
      version_info: version,
      nonce,
      type_url: typeUrls[type],
      resources: resources.map(({ any }) => any),
      control_plane: { identifier: this.#parts.identifier },
    });
  }

  #tellRefusal({ node }: XdsClient, type: ResourceType, error: string): void {
    this.#parts.log.warn('an xDS client refused what it was sent', {
      node: node.id,
      type,
      error: error.slice(0, longestLogged),
    });
  }

  #leave(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    if (this.#client) this.#parts.hub.remove(this.#client);
  }

  #end(code: grpc.status, details: string): void {
    this.#leave();
    if (!this.#call.cancelled) this.#call.emit('error', { code, details });
  }
}

function faultOf({ resource_names }: WireRequest): string | null {
  if (resource_names.length > mostNames) return `more than ${mostNames} resource_names`;
  const isLong = resource_names.some((name) => name.length > longestName);
  return isLong ? `a name of more than ${longestName} characters in resource_names` : null;
}

/**
 * One client's stream: a subscription for each type. Of a change that touches several types, clusters and their endpoints
 * go first and what names them follows when they were taken; clusters that are gone leave the client last, once no route
 * of it can name them.
 */
import type { WireRequest } from './codec.ts';
import type { NodeView } from './node-view.ts';
import { type ResourceType, resourceTypes } from './resource-type.ts';
import { type Response, Subscription, type SubscriptionStatus } from './subscription.ts';
import type { XdsResource } from './translate/translation.ts';

/** A client that refuses all routes keeps no more clusters that are gone than there may be. */
const mostKept = 10_000;

const nothing: ReadonlyMap<string, XdsResource> = new Map();

export class ClientStream {
  readonly #subscriptions = new Map<ResourceType, Subscription>();
  readonly #write: (type: ResourceType, response: Response) => void;

  constructor(write: (type: ResourceType, response: Response) => void) {
    this.#write = write;
  }

  get status(): Partial<Record<ResourceType, SubscriptionStatus>> {
    return Object.fromEntries([...this.#subscriptions].map(([type, { status }]) => [type, status]));
  }

  get isRefusing(): boolean {
    return [...this.#subscriptions.values()].some(({ status }) => status.refused !== null);
  }

  /** Tells whether the request refused what was sent last. */
  ask(type: ResourceType, request: WireRequest): boolean {
    const subscription = this.#subscriptions.get(type) ?? new Subscription(type);
    this.#subscriptions.set(type, subscription);
    return subscription.ask(request);
  }

  /** Sends what the client has not been sent yet, as far as it is its turn. */
  push(view: NodeView): void {
    for (const type of resourceTypes) {
      const subscription = this.#subscriptions.get(type);
      if (!subscription || subscription.isInFlight || !this.#isItsTurn(type)) continue;
      const before = subscription.sent;
      const isKept = type === 'clusters' && before.size < mostKept && this.#hasOldRoutes(view);
      const response = subscription.next(view, isKept ? before : nothing);
      if (!response) continue;
      if (type === 'clusters') this.#askEndpointsAnew(response, before);
      this.#write(type, response);
    }
  }

  #isItsTurn(type: ResourceType): boolean {
    if (type === 'clusters' || type === 'endpoints') return true;
    const clusters = this.#subscriptions.get('clusters');
    const endpoints = this.#subscriptions.get('endpoints');
    if (clusters?.isInFlight || endpoints?.isInFlight) return false;
    // One that follows all clusters and took these is about to ask for their endpoints.
    if (!clusters?.wantsAll || clusters.status.refused || !endpoints) return true;
    return [...clusters.sent.keys()].every((name) => endpoints.hasNamed(name));
  }

  /** Whether the client may still use routes that are not those of the view. */
  #hasOldRoutes(view: NodeView): boolean {
    return (['listeners', 'routes'] as const).some((type) => {
      const subscription = this.#subscriptions.get(type);
      if (!subscription) return false;
      return subscription.isInFlight || subscription.status.refused !== null || subscription.isDue(view);
    });
  }

  /** A cluster that has changed begins anew at the client, and waits for endpoints, though these be the same. */
  #askEndpointsAnew({ resources }: Response, before: ReadonlyMap<string, XdsResource>): void {
    const endpoints = this.#subscriptions.get('endpoints');
    for (const { name, digest } of resources)
      if (endpoints && before.get(name)?.digest !== digest) endpoints.forget(name);
  }
}

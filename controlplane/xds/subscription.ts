/**
 * What one client asked for of one type, and what it was told. At most one response is on its way; what changes until it
 * is answered goes out with the next one.
 *
 *   ask(request) -> names -- something it was not sent --> next() -> in flight -- ack or nack --> ...
 */
import { createHash } from 'node:crypto';
import type { WireRequest } from './codec.ts';
import type { NodeView } from './node-view.ts';
import { isSentWhole, type ResourceType } from './resource-type.ts';
import type { XdsResource } from './translate/translation.ts';

export type Response = { readonly version: string; readonly nonce: string; readonly resources: readonly XdsResource[] };
export type Refused = { readonly version: string; readonly error: string };
export type SubscriptionStatus = {
  readonly subscribed: 'all' | number;
  /** Version of the last response that was taken; empty before the first. */
  readonly version: string;
  readonly isWaiting: boolean;
  readonly refused: Refused | null;
};

const longestError = 4_096;

export class Subscription {
  readonly #type: ResourceType;
  #names: ReadonlySet<string> = new Set();
  #wantsAll = false;
  #hasNamed = false;
  #isNew = true;
  /** As last sent, whether it was taken or not: what was refused is only sent again when it changes, or with others. */
  #sent = new Map<string, XdsResource>();
  /** Names in responses that were refused as a whole, for one bad resource among them. */
  readonly #again = new Set<string>();
  #inFlight: Response | null = null;
  #nonce = '';
  #responses = 0;
  #version = '';
  #refused: Refused | null = null;

  constructor(type: ResourceType) {
    this.#type = type;
  }

  get isInFlight(): boolean {
    return this.#inFlight !== null;
  }

  get status(): SubscriptionStatus {
    return {
      subscribed: this.#wantsAll ? 'all' : this.#names.size,
      version: this.#version,
      isWaiting: this.isInFlight,
      refused: this.#refused,
    };
  }

  /**
   * Takes a request, which may answer the response on its way; one that answers an older response is ignored. Tells
   * whether it refused the one on its way.
   */
  ask({ resource_names, response_nonce, error_detail }: WireRequest): boolean {
    if (response_nonce !== this.#nonce && this.#nonce !== '') return false;
    const isRefusal = this.#inFlight !== null && error_detail !== null;
    if (this.#inFlight) this.#settle(this.#inFlight, error_detail?.message);
    this.#hasNamed ||= resource_names.length > 0;
    this.#wantsAll = isSentWhole(this.#type) && (resource_names.includes('*') || !this.#hasNamed);
    this.#names = new Set(resource_names);
    if (!this.#wantsAll) for (const name of this.#sent.keys()) if (!this.#names.has(name)) this.#sent.delete(name);
    return isRefusal;
  }

  hasNamed(name: string): boolean {
    return this.#names.has(name);
  }

  get wantsAll(): boolean {
    return this.#wantsAll;
  }

  /** By name, as last sent. */
  get sent(): ReadonlyMap<string, XdsResource> {
    return this.#sent;
  }

  /** Has a resource sent again although it is the same. */
  forget(name: string): void {
    this.#sent.delete(name);
  }

  isDue(view: NodeView): boolean {
    return this.#isDue(this.#wanted(view));
  }

  /** The response to send now, which is then on its way; null when there is nothing new. What is in `keep` stays. */
  next(view: NodeView, keep: ReadonlyMap<string, XdsResource>): Response | null {
    const wanted = this.#wanted(view);
    for (const [name, resource] of keep) if (!wanted.has(name)) wanted.set(name, resource);
    if (!this.#isDue(wanted)) return null;
    const isNews = (one: XdsResource) => this.#isNews(one) || this.#again.has(one.name);
    const resources = isSentWhole(this.#type) ? [...wanted.values()] : [...wanted.values()].filter(isNews);
    this.#isNew = false;
    this.#again.clear();
    this.#sent = wanted;
    this.#responses++;
    this.#nonce = String(this.#responses);
    this.#inFlight = { version: versionOf(wanted), nonce: this.#nonce, resources };
    return this.#inFlight;
  }

  #settle({ version, resources }: Response, error: string | undefined): void {
    this.#inFlight = null;
    if (error === undefined) {
      this.#version = version;
      this.#refused = null;
      return;
    }
    this.#refused = { version, error: cutText(error) };
    for (const { name } of resources) this.#again.add(name);
  }

  #wanted(view: NodeView): Map<string, XdsResource> {
    const wanted = new Map<string, XdsResource>();
    const names = this.#wantsAll ? new Set([...view.names(this.#type), ...this.#names]) : this.#names;
    for (const name of names) {
      const resource = view.get(this.#type, name);
      if (resource) wanted.set(name, resource);
    }
    return wanted;
  }

  #isDue(wanted: ReadonlyMap<string, XdsResource>): boolean {
    for (const resource of wanted.values()) if (this.#isNews(resource)) return true;
    return isSentWhole(this.#type) && (this.#isNew || wanted.size < this.#sent.size);
  }

  #isNews({ name, digest }: XdsResource): boolean {
    return this.#sent.get(name)?.digest !== digest;
  }
}

/** The same for the same contents, whichever replica tells it, and after a restart: newest revision and digest of them. */
function versionOf(resources: ReadonlyMap<string, XdsResource>): string {
  const hash = createHash('sha256');
  let revision = 0;
  for (const name of [...resources.keys()].sort()) {
    const resource = resources.get(name)!;
    revision = Math.max(revision, resource.revision);
    hash.update(`${name} ${resource.digest}\n`);
  }
  return `${revision}-${hash.digest('hex').slice(0, 12)}`;
}

/** The begin of a text that a peer sent. A slice would keep all of it in memory. */
function cutText(text: string): string {
  return text.length <= longestError ? text : Buffer.from(text.slice(0, longestError)).toString();
}

import type { SessionPersistence } from '../../shared/resources/session-persistence.ts';
import { cookie } from '../../shared/routing/cookie.ts';
import { durationMs } from '../../shared/time/duration.ts';
import { mayServe } from '../cluster/candidates.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { hashText } from '../cluster/hashing/murmur3.ts';
import { FieldName } from '../message/field-name.ts';
import { withField } from '../message/keep-head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';

/** Where the requests of a session go. */
export type SessionPlace<Backend> = { readonly backend: Backend; readonly endpoint: PooledEndpoint };

/**
 * What a client is told of its session: `<instance>.<began>.<used>`, the instance as 16 hex digits and the moments in
 * seconds of the epoch. It names the instance itself, not a place in a table, so that nothing moves when other
 * instances come or leave. Whoever makes one up chooses an instance, which he could do by asking often enough anyway.
 */
const tokenForm = /^([0-9a-f]{16})\.([0-9a-z]{1,8})\.([0-9a-z]{1,8})$/;
/** Moments are written in this base. */
const base = 36;

/** The sessions of one route rule. They live in what clients send; here is only what turns that into an instance. */
export class Sessions<Backend extends { readonly cluster: Cluster<PooledEndpoint> }> {
  readonly #places = new Map<string, SessionPlace<Backend>>();
  readonly #keys = new Map<PooledEndpoint, string>();
  readonly #name: string;
  readonly #isCookie: boolean;
  readonly #attributes: string;
  readonly #absoluteSeconds: number;
  readonly #idleSeconds: number;

  /** Backends without weight keep no sessions. */
  constructor(
    section: SessionPersistence,
    backends: readonly { readonly backend: Backend | null; readonly weight: number }[],
  ) {
    this.#isCookie = section.type === 'Cookie';
    this.#name = this.#isCookie ? section.sessionName : section.sessionName.toLowerCase();
    this.#absoluteSeconds = secondsOf(section.absoluteTimeout);
    this.#idleSeconds = secondsOf(section.idleTimeout);
    this.#attributes = attributesOf(section, this.#absoluteSeconds);
    for (const { backend, weight } of backends) if (backend !== null && weight > 0) this.#add(backend);
  }

  #add(backend: Backend): void {
    for (const endpoint of backend.cluster.endpoints) {
      const key = keyOf(`${backend.cluster.service}/${endpoint.name}`);
      if (this.#places.has(key)) continue; // the first of two backends that share an instance
      this.#places.set(key, { backend, endpoint });
      this.#keys.set(endpoint, key);
    }
  }

  /** Where the session of a request is; null when it has none, or one that is over or whose instance cannot be had. */
  placeOf(head: RequestHead, nowMs: number): SessionPlace<Backend> | null {
    const token = this.#tokenOf(head);
    if (token === null || this.#isOver(token, wallSeconds(nowMs))) return null;
    const place = this.#places.get(token[1]!);
    return place !== undefined && mayServe(place.endpoint, nowMs) ? place : null;
  }

  /** The head of a reply as its client is to get it: with its session where that is news. */
  mark(reply: ReplyHead, head: RequestHead, endpoint: PooledEndpoint, nowMs: number): ReplyHead {
    const key = this.#keys.get(endpoint);
    if (key === undefined) return reply;
    const now = wallSeconds(nowMs);
    const token = this.#tokenOf(head);
    const goesOn = token !== null && token[1] === key && !this.#isOver(token, now);
    if (goesOn && this.#idleSeconds === 0) return reply;
    const began = goesOn ? token[2]! : now.toString(base);
    const value = `${key}.${began}.${now.toString(base)}`;
    return this.#isCookie
      ? withField(reply, FieldName.other, 'set-cookie', `${this.#name}=${value}${this.#attributes}`)
      : withField(reply, FieldName.other, this.#name, value);
  }

  #tokenOf(head: RequestHead): RegExpExecArray | null {
    const field = head.header(this.#isCookie ? 'cookie' : this.#name);
    const value = field !== null && this.#isCookie ? cookie(field, this.#name) : field;
    return value === null ? null : tokenForm.exec(value);
  }

  #isOver(token: RegExpExecArray, now: number): boolean {
    const isTooOld = this.#absoluteSeconds > 0 && now - Number.parseInt(token[2]!, base) >= this.#absoluteSeconds;
    return isTooOld || (this.#idleSeconds > 0 && now - Number.parseInt(token[3]!, base) >= this.#idleSeconds);
  }
}

/** Two hashes of 31 bits, as 16 digits. */
function keyOf(instance: string): string {
  const hex = (seed: number) => hashText(instance, seed).toString(16).padStart(8, '0');
  return hex(1) + hex(2);
}

function attributesOf({ cookieConfig }: SessionPersistence, absoluteSeconds: number): string {
  const isPermanent = cookieConfig.lifetimeType === 'Permanent' && absoluteSeconds > 0;
  return `; Path=/; HttpOnly; SameSite=Lax${isPermanent ? `; Max-Age=${absoluteSeconds}` : ''}`;
}

/** 0 without one. */
function secondsOf(duration: string | undefined): number {
  return duration === undefined ? 0 : Math.ceil(durationMs(duration) / 1000);
}

function wallSeconds(nowMs: number): number {
  return Math.floor((performance.timeOrigin + nowMs) / 1000);
}

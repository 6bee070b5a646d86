import type { Change } from './discovery-client.ts';

/** How long a service stays in the scope that nobody calls; up to a fifth longer, so that proxies do not ask again together. */
const defaultIdleMs = 600_000;
const idleJitter = 0.2;
/** As many as a control plane takes. */
const mostServices = 10_000;

type Entry = {
  calledMs: number;
  readonly stayMs: number;
  /** Its instances are here. */
  isKnown: boolean;
};

export type ScopeSettings = {
  /** Services that never leave. */
  readonly always: readonly string[];
  /** How long others stay that nobody calls; 10 minutes by default. */
  readonly idleMs?: number;
  /** Monotonic ms. */
  now(): number;
  /** In [0, 1). */
  random(): number;
};

/** The services that this proxy calls: the control plane tells it of their instances, and of no others. */
export class Scope {
  readonly #entries = new Map<string, Entry>();
  readonly #always: ReadonlySet<string>;
  readonly #settings: ScopeSettings;
  /** A control plane that knows no scopes tells of all instances. */
  #isScoped = false;

  constructor(settings: ScopeSettings) {
    this.#settings = settings;
    this.#always = new Set(settings.always);
    for (const service of this.#always) this.call(service);
  }

  get isScoped(): boolean {
    return this.#isScoped;
  }

  get services(): string[] {
    return [...this.#entries.keys()];
  }

  /** Those whose instances are here; null when those of all services are. */
  get known(): string[] | null {
    if (!this.#isScoped) return null;
    return this.services.filter((service) => this.#entries.get(service)!.isKnown);
  }

  /** Notes that a service is called now; true when it is new in the scope. */
  call(service: string): boolean {
    const entry = this.#entries.get(service);
    const calledMs = this.#settings.now();
    if (entry !== undefined) {
      entry.calledMs = calledMs;
      return false;
    }
    if (this.#entries.size >= mostServices) this.#leaveLongestIdle();
    const { idleMs = defaultIdleMs, random } = this.#settings;
    const stayMs = idleMs * (1 + idleJitter * random());
    this.#entries.set(service, { calledMs, stayMs, isKnown: false });
    return true;
  }

  #leaveLongestIdle(): void {
    let longest: string | null = null;
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const [service, { calledMs }] of this.#entries)
      if (calledMs < sinceMs && !this.#always.has(service)) {
        longest = service;
        sinceMs = calledMs;
      }
    if (longest !== null) this.#entries.delete(longest);
  }

  /** Lets go of services that nobody called for long; true when there were any. */
  leaveIdle(): boolean {
    const nowMs = this.#settings.now();
    const before = this.#entries.size;
    for (const [service, { calledMs, stayMs }] of this.#entries)
      if (nowMs - calledMs >= stayMs && !this.#always.has(service)) this.#entries.delete(service);
    return this.#entries.size < before;
  }

  /** What is known once an update is in force; the same as `known` after `follow`. */
  knownAfter({ full, isScoped, services }: Pick<Change, 'full' | 'isScoped' | 'services'>): string[] | null {
    if (!(full ? isScoped : this.#isScoped)) return null;
    const before = full ? [] : (this.known ?? []);
    return [...new Set([...before, ...services])].filter((service) => this.#entries.has(service));
  }

  /** `known` are the services whose instances are here now, null when those of all are. */
  follow(known: readonly string[] | null): void {
    this.#isScoped = known !== null;
    const here = new Set(known);
    for (const [service, entry] of this.#entries) entry.isKnown = here.has(service);
  }
}

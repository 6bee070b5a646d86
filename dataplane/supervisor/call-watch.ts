import type { ToWorker } from '../worker/messages.ts';
import type { Discovery } from './discovery-client.ts';
import type { OutboundTraffic } from './outbound-traffic.ts';
import type { Scope } from './scope.ts';
import { TrafficReports } from './traffic-reports.ts';

/** Between two looks at what was called, give or take a tenth, so that proxies do not report together. */
const lookEveryMs = 2000;
const lookJitter = 0.1;
/** The scope is told as a whole each time, so not more often than this. */
const tellEveryMs = 10;
/** A stream that is lost once is mostly there again at once, at another control plane. */
const lossesUntilAway = 2;

/** Watches whom this proxy calls, and tells the control plane: which services these are, and what became of the requests. */
export class CallWatch {
  readonly #scope: Scope;
  readonly #traffic: OutboundTraffic;
  readonly #discovery: Discovery;
  readonly #broadcast: (message: ToWorker) => void;
  readonly #reports = new TrafficReports(() => performance.now());
  #lookTimer: NodeJS.Timeout | null = null;
  #tellTimer: NodeJS.Timeout | null = null;
  #toldMs = Number.NEGATIVE_INFINITY;
  /** Times in a row that the stream was lost, or could not be made. */
  #losses = 0;

  constructor(scope: Scope, traffic: OutboundTraffic, discovery: Discovery, broadcast: (message: ToWorker) => void) {
    this.#scope = scope;
    this.#traffic = traffic;
    this.#discovery = discovery;
    this.#broadcast = broadcast;
    this.#planLook();
  }

  /** Requests of a worker wait for the instances of a service. */
  onAsked(service: string): void {
    const isNew = this.#scope.call(service);
    if (this.#losses >= lossesUntilAway) this.#broadcast({ type: 'unanswered' });
    else if (isNew) this.#tellScope();
  }

  onConnected(isConnected: boolean): void {
    this.#losses = isConnected ? 0 : this.#losses + 1;
    if (this.#losses === lossesUntilAway) this.#broadcast({ type: 'unanswered' });
  }

  #planLook(): void {
    const afterMs = lookEveryMs * (1 + lookJitter * (2 * Math.random() - 1));
    this.#lookTimer = setTimeout(() => this.#look(), afterMs);
  }

  #look(): void {
    this.#planLook();
    const services = [...this.#traffic.services()];
    let isOther = false;
    for (const traffic of services)
      if (traffic.service !== '' && traffic.wasCalled() && this.#scope.call(traffic.service)) isOther = true;
    if (this.#scope.leaveIdle()) isOther = true;
    const { isScoped } = this.#scope; // else the control plane would understand neither
    if (isOther && isScoped) this.#tellScope();
    this.#reports.tell(services, (report) => !isScoped || this.#discovery.report(report));
  }

  #tellScope(): void {
    const afterMs = Math.max(0, this.#toldMs + tellEveryMs - performance.now());
    this.#tellTimer ??= setTimeout(() => {
      this.#tellTimer = null;
      this.#toldMs = performance.now();
      this.#discovery.tellScope();
    }, afterMs);
  }

  close(): void {
    if (this.#lookTimer) clearTimeout(this.#lookTimer);
    if (this.#tellTimer) clearTimeout(this.#tellTimer);
  }
}

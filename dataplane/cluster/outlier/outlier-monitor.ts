import type { OutlierReason, OutlierSettings } from './outlier-settings.ts';
import { RequestCounts } from './request-counts.ts';

const gatewayErrors: ReadonlySet<number> = new Set([502, 503, 504]);

/** Told each time that one of its endpoint's runs of failures has become too long. */
type OnOutlier = (reason: OutlierReason, nowMs: number) => void;

/** Counts how the requests of one endpoint end. */
export class OutlierMonitor {
  settings: OutlierSettings;
  readonly #onOutlier: OnOutlier;
  /** Failures in a row. */
  #fiveHundreds = 0;
  #gatewayErrors = 0;
  #localOriginFailures = 0;
  /** Of the interval under way. */
  readonly external = new RequestCounts();
  readonly local = new RequestCounts();

  constructor(settings: OutlierSettings, onOutlier: OnOutlier) {
    this.settings = settings;
    this.#onOutlier = onOutlier;
  }

  /** The endpoint replied; statuses of gRPC come as HTTP calls them. */
  onStatus(status: number, nowMs: number): void {
    if (this.settings.splitsLocalOrigin) {
      this.local.add(true);
      this.#localOriginFailures = 0;
    }
    this.#count(status, nowMs);
  }

  /** It did not: no connection, a reset, a timeout. Unless told to tell them apart, that is a gateway error. */
  onLocalOriginFailure(nowMs: number): void {
    if (!this.settings.splitsLocalOrigin) return this.#count(503, nowMs);
    this.local.add(false);
    if (++this.#localOriginFailures >= this.settings.consecutiveLocalOriginFailures) {
      this.#localOriginFailures = 0;
      this.#onOutlier('consecutive_local_origin_failures', nowMs);
    }
  }

  /** What came before counts no more, because the endpoint was away in between. */
  forget(): void {
    this.#fiveHundreds = this.#gatewayErrors = this.#localOriginFailures = 0;
  }

  #count(status: number, nowMs: number): void {
    this.external.add(status < 500);
    if (status < 500) {
      this.#fiveHundreds = this.#gatewayErrors = 0;
      return;
    }
    if (!gatewayErrors.has(status)) this.#gatewayErrors = 0;
    else if (++this.#gatewayErrors >= this.settings.consecutiveGatewayErrors) {
      this.#gatewayErrors = 0;
      this.#onOutlier('consecutive_gateway_errors', nowMs);
    }
    if (++this.#fiveHundreds >= this.settings.consecutive5xx) {
      this.#fiveHundreds = 0;
      this.#onOutlier('consecutive_5xx', nowMs);
    }
  }
}

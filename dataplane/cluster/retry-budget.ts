/**
 * Keeps retries from multiplying an outage: over the last ten seconds there are never more of them than a share of the
 * requests, or a floor where there are few (Envoy's retry budget, Finagle's RetryBudget).
 */
const windowSeconds = 10;

export type RetryBudgetSettings = { readonly percent: number; readonly minPerSecond: number };

export class RetryBudget {
  settings: RetryBudgetSettings;
  readonly #requests = new Float64Array(windowSeconds);
  readonly #retries = new Float64Array(windowSeconds);
  #second = 0;
  #requestSum = 0;
  #retrySum = 0;

  constructor(settings: RetryBudgetSettings) {
    this.settings = settings;
  }

  onRequest(nowMs: number): void {
    const slot = this.#advance(nowMs);
    this.#requests[slot]! += 1;
    this.#requestSum++;
  }

  /** Takes one retry out of the budget; false when there is none left. */
  tryTake(nowMs: number): boolean {
    const slot = this.#advance(nowMs);
    const share = (this.#requestSum * this.settings.percent) / 100;
    if (this.#retrySum >= Math.max(share, this.settings.minPerSecond * windowSeconds)) return false;
    this.#retries[slot]! += 1;
    this.#retrySum++;
    return true;
  }

  #advance(nowMs: number): number {
    const second = Math.floor(nowMs / 1000);
    if (second - this.#second >= windowSeconds) {
      this.#requests.fill(0);
      this.#retries.fill(0);
      this.#requestSum = this.#retrySum = 0;
      this.#second = second;
    }
    while (this.#second < second) {
      const slot = ++this.#second % windowSeconds;
      this.#requestSum -= this.#requests[slot]!;
      this.#retrySum -= this.#retries[slot]!;
      this.#requests[slot] = this.#retries[slot] = 0;
    }
    return second % windowSeconds;
  }
}

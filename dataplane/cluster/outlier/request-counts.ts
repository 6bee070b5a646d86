/** Requests of one endpoint within one interval, and those of them that went well. */
export class RequestCounts {
  total = 0;
  successes = 0;

  add(isSuccess: boolean): void {
    this.total++;
    if (isSuccess) this.successes++;
  }

  /** Share of successes in percent. */
  get successRate(): number {
    return (this.successes * 100) / this.total;
  }

  reset(): void {
    this.total = this.successes = 0;
  }
}

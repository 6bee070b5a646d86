import type { HealthCheck } from '../../shared/resources/instance.ts';
import { durationMs } from '../../shared/time/duration.ts';
import type { ResourceStore } from '../snapshot/resource-store.ts';
import { type Probe, Probes } from './health-probes.ts';

/** Checks the instances that ask for it, each at its own pace, and tells when a verdict changes. */
export class HealthChecks {
  readonly #onVerdict: (instance: string, isHealthy: boolean) => void;
  readonly #checks = new Map<string, Check>();
  readonly #probes = new Probes();

  constructor(onVerdict: (instance: string, isHealthy: boolean) => void) {
    this.#onVerdict = onVerdict;
  }

  /** Checks exactly those of these instances that ask for it from now on. */
  follow(store: ResourceStore): void {
    const wanted = new Map<string, () => Check>();
    for (const instance of store.instances()) {
      const { name, spec } = instance;
      const { healthCheck } = spec;
      if (!healthCheck) continue;
      const protocol = store.wireProtocolAt(instance);
      wanted.set(`${name} ${protocol} ${JSON.stringify(spec)}`, () => {
        const probe = this.#probes.of({ address: spec.address, port: spec.port, protocol }, healthCheck);
        return new Check(name, healthCheck, probe, this.#onVerdict);
      });
    }
    for (const [key, check] of this.#checks)
      if (!wanted.has(key)) {
        check.stop();
        this.#checks.delete(key);
        if (!check.isHealthy) this.#onVerdict(check.name, true);
      }
    for (const [key, make] of wanted) if (!this.#checks.has(key)) this.#checks.set(key, make());
  }

  close(): void {
    for (const check of this.#checks.values()) check.stop();
    this.#checks.clear();
    this.#probes.close();
  }
}

/** The checks of one instance, and what they come to. */
class Check {
  readonly name: string;
  readonly #check: HealthCheck;
  readonly #probe: Probe;
  readonly #onVerdict: (instance: string, isHealthy: boolean) => void;
  #timer: NodeJS.Timeout;
  #inARow = 0;
  #isStopped = false;
  isHealthy = true;

  constructor(
    name: string,
    check: HealthCheck,
    probe: Probe,
    onVerdict: (instance: string, isHealthy: boolean) => void,
  ) {
    this.name = name;
    this.#check = check;
    this.#probe = probe;
    this.#onVerdict = onVerdict;
    this.#timer = setTimeout(() => void this.#run(), Math.random() * durationMs(check.interval));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const { timeout, interval, healthyThreshold, unhealthyThreshold } = this.#check;
    const passed = await this.#probe(durationMs(timeout));
    if (this.#isStopped) return;
    this.#inARow = passed === this.isHealthy ? 0 : this.#inARow + 1;
    if (this.#inARow >= (passed ? healthyThreshold : unhealthyThreshold)) {
      this.isHealthy = passed;
      this.#inARow = 0;
      this.#onVerdict(this.name, passed);
    }
    this.#timer = setTimeout(() => void this.#run(), durationMs(interval));
  }
}

import { connect } from 'node:net';
import { Agent, request } from '../../shared/http/undici.ts';
import type { HealthCheck } from '../../shared/resources/instance.ts';
import type { InstanceResource } from '../../shared/resources/schema.ts';
import { durationMs } from '../../shared/time/duration.ts';

/** Checks the instances that ask for it, each at its own pace, and tells when a verdict changes. */
export class HealthChecks {
  readonly #onVerdict: (instance: string, isHealthy: boolean) => void;
  readonly #checks = new Map<string, Check>();
  readonly #agent = new Agent({ connections: 1, pipelining: 1 });

  constructor(onVerdict: (instance: string, isHealthy: boolean) => void) {
    this.#onVerdict = onVerdict;
  }

  /** Checks exactly these instances from now on. */
  follow(instances: readonly InstanceResource[]): void {
    const wanted = new Map(
      instances.map((instance) => [`${instance.name} ${JSON.stringify(instance.spec)}`, instance]),
    );
    for (const [key, check] of this.#checks)
      if (!wanted.has(key)) {
        check.stop();
        this.#checks.delete(key);
        if (!check.isHealthy) this.#onVerdict(check.name, true);
      }
    for (const [key, { name, spec }] of wanted)
      if (!this.#checks.has(key) && spec.healthCheck)
        this.#checks.set(key, new Check(name, spec.address, spec.port, spec.healthCheck, this.#agent, this.#onVerdict));
  }

  close(): void {
    for (const check of this.#checks.values()) check.stop();
    this.#checks.clear();
    void this.#agent.destroy();
  }
}

class Check {
  readonly name: string;
  readonly #address: string;
  readonly #port: number;
  readonly #check: HealthCheck;
  readonly #agent: Agent;
  readonly #onVerdict: (instance: string, isHealthy: boolean) => void;
  #timer: NodeJS.Timeout;
  #inARow = 0;
  #isStopped = false;
  isHealthy = true;

  constructor(
    name: string,
    address: string,
    port: number,
    check: HealthCheck,
    agent: Agent,
    onVerdict: (instance: string, isHealthy: boolean) => void,
  ) {
    this.name = name;
    this.#address = address;
    this.#port = port;
    this.#check = check;
    this.#agent = agent;
    this.#onVerdict = onVerdict;
    this.#timer = setTimeout(() => void this.#run(), Math.random() * durationMs(check.interval));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const { type, timeout, interval, healthyThreshold, unhealthyThreshold } = this.#check;
    const timeoutMs = durationMs(timeout);
    const passed = await (type === 'tcp' ? this.#connects(timeoutMs) : this.#answers(timeoutMs));
    if (this.#isStopped) return;
    this.#inARow = passed === this.isHealthy ? 0 : this.#inARow + 1;
    if (this.#inARow >= (passed ? healthyThreshold : unhealthyThreshold)) {
      this.isHealthy = passed;
      this.#inARow = 0;
      this.#onVerdict(this.name, passed);
    }
    this.#timer = setTimeout(() => void this.#run(), durationMs(interval));
  }

  async #answers(timeoutMs: number): Promise<boolean> {
    const host = this.#address.includes(':') ? `[${this.#address}]` : this.#address;
    try {
      const { statusCode, body } = await request(`http://${host}:${this.#port}${this.#check.path}`, {
        dispatcher: this.#agent,
        headers: { 'user-agent': 'meshlane-health-check' },
        signal: AbortSignal.timeout(timeoutMs),
      });
      await body.dump();
      return statusCode >= 200 && statusCode < 400;
    } catch {
      return false; // whatever went wrong, the check has not passed
    }
  }

  #connects(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.#address, port: this.#port, timeout: timeoutMs });
      const settle = (passed: boolean) => {
        socket.destroy();
        resolve(passed);
      };
      socket.on('connect', () => settle(true));
      socket.on('timeout', () => settle(false));
      socket.on('error', () => settle(false));
    });
  }
}

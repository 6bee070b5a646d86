import { noKey } from '../cluster/balancer/balancer.ts';
import type { Rule } from '../pipeline/rule.ts';
import { type ProbeWaiter, UpstreamProbe } from '../tcp/upstream-probe.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

/** Protocols such as SMTP, FTP and MySQL's, in which whoever is called speaks first. */

/** Tells whether an instance that the rule leads to is known to speak first: then the others are taken to do so, too. */
export function isSpokenFirst(rule: Rule): boolean {
  return rule.backends.some((backend) => backend?.tunnels.endpoints.some(({ speaksFirst }) => speaksFirst) ?? false);
}

/** An instance that a silent caller could be carried to; null when there is none now. */
export function pickSilent(rule: Rule, nowMs: number): PooledEndpoint | null {
  const picked = rule.pickBackend()?.tunnels.pick(noKey, [], nowMs);
  return picked === undefined || typeof picked === 'string' ? null : picked;
}

/** Finds out whether an instance speaks first, together with whoever asks the same; `waiter` hears of it. */
export function ask(endpoint: PooledEndpoint, context: WorkerContext, waiter: ProbeWaiter): void {
  endpoint.probe ??= new UpstreamProbe(context, endpoint);
  endpoint.probe.add(waiter);
}

import type { Hedge } from './hedge.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { Connections, PolicyTimeouts } from './policy.ts';
import defaults from './policy-defaults.json' with { type: 'json' };
import type { RetryPolicy } from './retry.ts';
import type { ServiceLimits } from './service-limits.ts';

export type PolicyDefaults = {
  readonly loadBalancer: LoadBalancer;
  readonly connections: Connections;
  readonly timeouts: PolicyTimeouts;
  readonly retry: RetryPolicy;
  readonly hedge: Hedge;
  readonly limits: ServiceLimits;
};

/** What the schema of policies says for each section that no policy has. Made by `npm run generate`. */
export const policyDefaults = defaults as PolicyDefaults;

import type { Hedge } from './hedge.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { Connections, PolicyTimeouts } from './policy.ts';
import type { RetryPolicy } from './retry.ts';
import { documentSchemas } from './schema.ts';
import type { ServiceLimits } from './service-limits.ts';

type Field = { default?: unknown; properties?: Record<string, Field> };

const sections = (documentSchemas.Policy as Field).properties?.['spec']?.properties ?? {};

/** What the schema of policies says for each section that no policy has. */
export const policyDefaults = {
  loadBalancer: defaultsOf(sections['loadBalancer']) as LoadBalancer,
  connections: defaultsOf(sections['connections']) as Connections,
  timeouts: defaultsOf(sections['timeouts']) as PolicyTimeouts,
  retry: defaultsOf(sections['retry']) as RetryPolicy,
  hedge: defaultsOf(sections['hedge']) as Hedge,
  limits: defaultsOf(sections['limits']) as ServiceLimits,
};

function defaultsOf(section: Field | undefined): unknown {
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(section?.properties ?? {}))
    if (field.default !== undefined) values[name] = field.properties ? defaultsOf(field) : field.default;
  return values;
}

import type { LoadBalancer } from '../../../shared/resources/load-balancer.ts';
import { durationMs } from '../../../shared/time/duration.ts';
import type { Message } from '../codec.ts';
import type { ClientKind } from './client-kind.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { Translation } from './translation.ts';
import { milliseconds, wrapped } from './values.ts';

type PolicyName = LoadBalancer['policy'];

const names: Readonly<Record<PolicyName, string>> = {
  'round-robin': 'ROUND_ROBIN',
  'least-request': 'LEAST_REQUEST',
  random: 'RANDOM',
  'peak-ewma': 'LEAST_REQUEST',
  adaptive: 'LEAST_REQUEST',
  'ring-hash': 'RING_HASH',
  maglev: 'MAGLEV',
};

/** How a cluster picks one of its instances. gRPC clients know round robin and the ring, and refuse any other word. */
export function balancing(service: string, config: MeshConfig, client: ClientKind, into: Translation): Message {
  const section = config.settings(service, 'loadBalancer', into);
  const { policy } = section;
  const found = config.policy(service, 'loadBalancer');
  if (found && (policy === 'peak-ewma' || policy === 'adaptive'))
    into.leaveOut(found.policy, '/spec/loadBalancer/policy', `xDS has no equal of ${policy}; least-request is used`);
  const name = client === 'grpc' && policy !== 'ring-hash' ? 'ROUND_ROBIN' : names[policy];
  return {
    lb_policy: name,
    common_lb_config: { healthy_panic_threshold: { value: section.panicThresholdPercent } },
    ...ofPolicy(name, section),
  };
}

function ofPolicy(name: string, { minimumRingSize, tableSize, slowStart }: LoadBalancer): Message {
  if (name === 'RING_HASH') return { ring_hash_lb_config: { minimum_ring_size: wrapped(minimumRingSize) } };
  if (name === 'MAGLEV') return { maglev_lb_config: { table_size: wrapped(tableSize) } };
  if (!slowStart || name === 'RANDOM') return {};
  const slow_start_config = {
    slow_start_window: milliseconds(durationMs(slowStart.window)),
    aggression: { default_value: slowStart.aggression, runtime_key: 'meshlane.slow_start_aggression' },
    min_weight_percent: { value: slowStart.minWeightPercent },
  };
  return name === 'ROUND_ROBIN'
    ? { round_robin_lb_config: { slow_start_config } }
    : { least_request_lb_config: { slow_start_config } };
}

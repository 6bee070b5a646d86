import { BalancerMaker } from '../cluster/balancer-maker.ts';
import { Balancing } from '../cluster/balancing.ts';
import { Cluster, type ClusterParts } from '../cluster/cluster.ts';
import type { ZoneNumbers } from '../cluster/zone-shares.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { BalancingSettings } from './balancing-settings.ts';
import type { CompileContext } from './compile.ts';
import type { ServiceState } from './service-state.ts';

/** A cluster that balances by these settings. `callers` are the proxies like this one, by zone. */
export function buildCluster(
  parts: Pick<ClusterParts<PooledEndpoint>, 'service' | 'endpoints' | 'changes' | 'load' | 'whenEmpty'>,
  settings: BalancingSettings,
  { tables, choice, stats }: ServiceState,
  { random, zone }: CompileContext,
  callers: ZoneNumbers,
): Cluster<PooledEndpoint> {
  const { balancer, slowStart, zoneMinimum, panicThresholdPercent } = settings;
  const zones = zone === null || zoneMinimum === null ? null : { own: zone, callers, minimumInstances: zoneMinimum };
  const maker = new BalancerMaker(balancer, parts.endpoints, { random, tables, choice });
  return new Cluster({
    ...parts,
    balancing: new Balancing(maker, random, { slowStart, zones }),
    panicThresholdPercent,
    onPanic: () => stats.onPanic(),
  });
}

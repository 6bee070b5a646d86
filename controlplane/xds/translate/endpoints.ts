import { isIP } from 'node:net';
import type { Labels } from '../../../shared/resources/resource.ts';
import type { InstanceResource, ServiceResource } from '../../../shared/resources/schema.ts';
import type { Message } from '../codec.ts';
import type { Translation } from './translation.ts';
import { wrapped } from './values.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

/** EDS: the instances of a cluster that take requests, by zone. A client refuses all of them for one that it cannot use. */
export function endpointsMessage(
  cluster: string,
  service: ServiceResource,
  labels: Labels | undefined,
  instances: readonly InstanceResource[],
  into: Translation,
): Message {
  into.use(service);
  const wanted = Object.entries(labels ?? {});
  const byZone = new Map<string, InstanceResource[]>();
  const addresses = new Map<string, string>();
  for (const instance of instances) {
    into.use(instance);
    if (instance.spec.status !== 'up') continue;
    if (!wanted.every(([label, value]) => instance.labels[label] === value)) continue;
    const { address, port, healthCheck } = instance.spec;
    if (healthCheck)
      into.leaveOut(instance, '/spec/healthCheck', 'xDS has health checks of clusters, not of instances');
    if (!isUsable(instance, service, addresses.get(`${address} ${port}`), into)) continue;
    addresses.set(`${address} ${port}`, instance.name);
    const zone = instance.labels[zoneLabel] ?? '';
    const members = byZone.get(zone);
    if (members) members.push(instance);
    else byZone.set(zone, [instance]);
  }
  const zones = [...byZone].sort(([a], [b]) => (a < b ? -1 : 1));
  return { cluster_name: cluster, endpoints: zones.map(([zone, members]) => localityOf(zone, members)) };
}

function localityOf(zone: string, members: readonly InstanceResource[]): Message {
  return {
    locality: { zone },
    lb_endpoints: members.map(({ spec }) => ({
      endpoint: { address: { socket_address: { address: spec.address, port_value: spec.port } } },
      load_balancing_weight: wrapped(spec.weight),
    })),
    load_balancing_weight: wrapped(members.reduce((sum, { spec }) => sum + spec.weight, 0)),
  };
}

function isUsable(
  instance: InstanceResource,
  service: ServiceResource,
  sameAddress: string | undefined,
  into: Translation,
): boolean {
  const { address, protocol } = instance.spec;
  const isHttp2 = service.spec.protocol === 'http2' || service.spec.protocol === 'grpc';
  if (isIP(address) === 0 || address.includes('%'))
    into.leaveOut(instance, '/spec/address', 'endpoints of xDS have IP addresses without a zone');
  else if (sameAddress !== undefined)
    into.leaveOut(instance, '/spec/address', `Instance/${sameAddress} has the same address and port`);
  else if (isHttp2 && protocol === 'http1')
    into.leaveOut(instance, '/spec/protocol', 'a cluster of xDS has one protocol, which is that of the service');
  else return true;
  return false;
}

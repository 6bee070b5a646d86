import t, { type Test } from 'tap';
import { encodeResource, type Message } from '../../../controlplane/xds/codec.ts';
import { messageTypes, type ResourceType } from '../../../controlplane/xds/resource-type.ts';
import { clusterMessage } from '../../../controlplane/xds/translate/clusters.ts';
import { endpointsMessage } from '../../../controlplane/xds/translate/endpoints.ts';
import { apiListener, outboundListener } from '../../../controlplane/xds/translate/listeners.ts';
import { MeshConfig } from '../../../controlplane/xds/translate/mesh-config.ts';
import { routeConfiguration, virtualHost } from '../../../controlplane/xds/translate/routes.ts';
import { Translation } from '../../../controlplane/xds/translate/translation.ts';
import { routeEntries } from '../../../shared/routing/route-entries.ts';
import { readByEnvoy } from './envoy-protos.ts';
import { everything } from './everything.ts';
import { read } from './view-of.ts';

/** Checks that whoever has all of xDS reads exactly what was written: no field got lost, none is another one. */
function readsAsWritten(t: Test, type: ResourceType, message: Message, title: string): void {
  t.strictSame(readByEnvoy(encodeResource(messageTypes[type], message)), message, title);
}

t.test('what is written of each type is what a client reads', async (t) => {
  const resources = everything.map(read);
  const instances = resources.filter((one) => one.kind === 'Instance');
  const config = new MeshConfig(resources.filter(({ kind }) => kind !== 'Instance'));
  const entries = routeEntries(config.routes, null, (route, rule, index) => ({ route, rule, index }));
  const into = new Translation();
  for (const service of config.services.values()) {
    const { name } = service;
    readsAsWritten(t, 'clusters', clusterMessage(name, service, config, 'envoy', into), name);
    readsAsWritten(t, 'endpoints', endpointsMessage(name, service, undefined, instances, into), name);
    const own = entries.filter(({ hostnames }) => hostnames.includes(name));
    readsAsWritten(t, 'routes', routeConfiguration(name, [virtualHost(name, own, config, 'envoy', into)]), name);
  }
  readsAsWritten(t, 'listeners', outboundListener(15_001), 'a listener for Envoy');
  readsAsWritten(t, 'listeners', apiListener('cart'), 'a listener for a gRPC client');
});

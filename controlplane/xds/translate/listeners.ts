import { type Message, typeUrl } from '../codec.ts';

/** Name of the listener, and of the route configuration, of an Envoy beside an application. */
export const outbound = 'meshlane/outbound';

/** LDS for Envoy: one listener for all that an application sends out, on loopback. */
export function outboundListener(port: number): Message {
  const filters = [
    {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: connectionManager(outbound, { upgrade_configs: [{ upgrade_type: 'websocket' }] }),
    },
  ];
  return {
    name: outbound,
    traffic_direction: 'OUTBOUND',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters }],
  };
}

/** LDS for a gRPC client: how calls of `xds:///NAME` find their routes. */
export function apiListener(name: string): Message {
  return { name, api_listener: { api_listener: connectionManager(name) } };
}

function connectionManager(routes: string, more: Message = {}): Message {
  return {
    '@type': typeUrl('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: routes,
    rds: { config_source: { ads: {}, resource_api_version: 'V3' }, route_config_name: routes },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': typeUrl('envoy.extensions.filters.http.router.v3.Router') },
      },
    ],
    ...more,
  };
}

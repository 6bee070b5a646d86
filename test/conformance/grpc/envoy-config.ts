/** A plain reverse proxy for gRPC: HTTP/2 with prior knowledge on both sides, every path to one server, no time bounds. */
export function envoyConfig(port: number, serverPort: number): object {
  const at = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const prefix = 'type.googleapis.com/envoy.extensions';
  const manager = {
    '@type': `${prefix}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'conformance',
    codec_type: 'HTTP2',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'server', timeout: '0s' } }],
        },
      ],
    },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${prefix}.filters.http.router.v3.Router` } },
    ],
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'grpc',
          address: at(port),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        {
          name: 'server',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'server',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: at(serverPort) } }] }],
          },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${prefix}.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}

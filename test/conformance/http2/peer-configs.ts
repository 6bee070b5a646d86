import { readFileSync, writeFileSync } from 'node:fs';
import type { CertificateFiles } from '../../harness/certificate.ts';
import type { PeerConfig, Way } from '../http1/peer-configs.ts';

/**
 * Plain reverse proxies as their makers ship them: HTTP/2 by prior knowledge (or over TLS by ALPN) from callers, HTTP/1.1 on
 * kept connections to one origin, every path to it.
 */
export const peerNames = ['haproxy', 'envoy', 'nghttpx'] as const;
export type PeerName = (typeof peerNames)[number];

/** What has to run so that every way is there: one process, or one a way. */
export function peerConfigs(
  name: PeerName,
  folder: string,
  ways: readonly Way[],
  tls?: CertificateFiles,
): PeerConfig[] {
  switch (name) {
    case 'haproxy':
      return [haproxy(folder, ways, tls)];
    case 'envoy':
      return [envoy(folder, ways, tls)];
    case 'nghttpx':
      return ways.map((way) => nghttpx(folder, way, tls));
  }
}

/** `http-reuse always`, so that callers share connections to the origin, as they do with the others. */
function haproxy(folder: string, ways: readonly Way[], tls: CertificateFiles | undefined): PeerConfig {
  const file = `${folder}/haproxy.cfg`;
  const both = `${folder}/haproxy.pem`;
  if (tls !== undefined)
    writeFileSync(both, readFileSync(tls.certificate, 'utf8') + readFileSync(tls.privateKey, 'utf8'));
  const text = `global
  nbthread 1

defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s

${ways
  .map(
    ({ port, originPort }) => `listen way${port}
  bind 127.0.0.1:${port} ${tls === undefined ? 'proto h2' : `ssl crt ${both} alpn h2`}
  server origin 127.0.0.1:${originPort}
`,
  )
  .join('\n')}`;
  return { file, text, args: ['-db', '-f', file] };
}

function envoy(folder: string, ways: readonly Way[], tls: CertificateFiles | undefined): PeerConfig {
  const file = `${folder}/envoy.json`;
  const at = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const prefix = 'type.googleapis.com/envoy.extensions';
  const manager = (port: number) => ({
    '@type': `${prefix}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'conformance',
    codec_type: 'HTTP2',
    use_remote_address: true,
    common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST' },
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: `origin${port}` } }] },
      ],
    },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${prefix}.filters.http.router.v3.Router` } },
    ],
  });
  const transport = tls && {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${prefix}.transport_sockets.tls.v3.DownstreamTlsContext`,
        common_tls_context: {
          alpn_protocols: ['h2'],
          tls_certificates: [
            { certificate_chain: { filename: tls.certificate }, private_key: { filename: tls.privateKey } },
          ],
        },
      },
    },
  };
  const config = {
    static_resources: {
      listeners: ways.map(({ port }) => ({
        name: `way${port}`,
        address: at(port),
        filter_chains: [
          {
            filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager(port) }],
            ...transport,
          },
        ],
      })),
      clusters: ways.map(({ port, originPort }) => ({
        name: `origin${port}`,
        type: 'STATIC',
        connect_timeout: '5s',
        load_assignment: {
          cluster_name: `origin${port}`,
          endpoints: [{ lb_endpoints: [{ endpoint: { address: at(originPort) } }] }],
        },
      })),
    },
  };
  const args = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'critical', '-c', file];
  return { file, text: JSON.stringify(config, null, 2), args };
}

/** Its backends are chosen by host and path, never by the port that was called; hence one process a way. */
function nghttpx(folder: string, { port, originPort }: Way, tls: CertificateFiles | undefined): PeerConfig {
  const file = `${folder}/nghttpx-${port}.conf`;
  const text = `frontend=127.0.0.1,${port}${tls === undefined ? ';no-tls' : ''}
backend=127.0.0.1,${originPort}
workers=1
single-process=yes
errorlog-file=/dev/null
${tls === undefined ? '' : `private-key-file=${tls.privateKey}\ncertificate-file=${tls.certificate}\n`}`;
  return { file, text, args: [`--conf=${file}`] };
}

import type { TlsFiles } from './tls-files.ts';

/** What the templates in `peers/` need to speak TLS 1.3 towards clients; all empty without certificates. */
export function haproxyBindOptions(tls: TlsFiles | null): string {
  return tls ? `ssl crt ${tls.both} ssl-min-ver TLSv1.3 alpn http/1.1` : '';
}

export function nginxListen(tls: TlsFiles | null): { listenOptions: string; tls: string } {
  if (!tls) return { listenOptions: '', tls: '' };
  return {
    listenOptions: 'ssl',
    tls: `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.privateKey}; ssl_protocols TLSv1.3;`,
  };
}

/** Flow style, so that it stands on the line of a template; JSON is YAML. */
export function envoyTransportSocket(tls: TlsFiles | null): string {
  if (!tls) return '';
  const socket = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        alpn_protocols: ['http/1.1'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificates: [
          { certificate_chain: { filename: tls.certificate }, private_key: { filename: tls.privateKey } },
        ],
      },
    },
  };
  return `transport_socket: ${JSON.stringify(socket)}`;
}

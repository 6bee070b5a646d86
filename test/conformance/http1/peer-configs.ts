/**
 * Plain reverse proxies as their makers ship them: one process, every path to one origin, connections to it kept, and
 * what the maker's own page for proxies at the edge recommends where the default is meant for the inside.
 */
export type PeerConfig = { readonly file: string; readonly text: string; readonly args: readonly string[] };

/** A port that callers use and the port of the origin behind it. */
export type Way = { readonly port: number; readonly originPort: number };

export const peerNames = ['haproxy', 'nginx', 'envoy', 'apache2'] as const;
export type PeerName = (typeof peerNames)[number];

export function peerConfig(name: PeerName, folder: string, ways: readonly Way[]): PeerConfig {
  return { haproxy, nginx, envoy, apache2 }[name](folder, ways);
}

/** `http-reuse always`, so that callers share connections to the origin, as they do with the others. */
function haproxy(folder: string, ways: readonly Way[]): PeerConfig {
  const file = `${folder}/haproxy.cfg`;
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
  bind 127.0.0.1:${port}
  server origin 127.0.0.1:${originPort}
`,
  )
  .join('\n')}`;
  return { file, text, args: ['-db', '-f', file] };
}

/** Without `keepalive` and HTTP/1.1 nginx would open a connection for each request. */
function nginx(folder: string, ways: readonly Way[]): PeerConfig {
  const file = `${folder}/nginx.conf`;
  const text = `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
${ways
  .map(
    ({ port, originPort }) => `  upstream origin${port} {
    server 127.0.0.1:${originPort};
    keepalive 16;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin${port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
`,
  )
  .join('')}}
`;
  return { file, text, args: ['-c', file] };
}

/** With what "Configuring Envoy as an edge proxy" asks for of HTTP/1: the caller's own address, and no names with `_`. */
function envoy(folder: string, ways: readonly Way[]): PeerConfig {
  const file = `${folder}/envoy.json`;
  const at = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const prefix = 'type.googleapis.com/envoy.extensions';
  const manager = (port: number) => ({
    '@type': `${prefix}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'conformance',
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
  const config = {
    static_resources: {
      listeners: ways.map(({ port }) => ({
        name: `way${port}`,
        address: at(port),
        filter_chains: [
          { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager(port) }] },
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

/**
 * As Debian ships it, with one process so that connections to the origin are shared. That one has the threads of all: each
 * reply that never becomes whole holds one up.
 */
function apache2(folder: string, ways: readonly Way[]): PeerConfig {
  const file = `${folder}/apache2.conf`;
  const modules = ['mpm_event', 'authz_core', 'reqtimeout', 'proxy', 'proxy_http'];
  const text = `ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache2.pid
ErrorLog /dev/null
ServerName conformance
User www-data
Group www-data
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
StartServers 1
ServerLimit 1
ThreadLimit 150
ThreadsPerChild 150
MaxRequestWorkers 150
RequestReadTimeout header=20-40,minrate=500 body=10,minrate=500
TraceEnable Off
ProxyPreserveHost On
${ways
  .map(
    ({ port, originPort }) => `Listen 127.0.0.1:${port}
<VirtualHost 127.0.0.1:${port}>
  ProxyPass / http://127.0.0.1:${originPort}/
</VirtualHost>
`,
  )
  .join('')}`;
  return { file, text, args: ['-DFOREGROUND', '-f', file] };
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import { findPeer } from '../harness/peers.ts';
import { startProcess } from '../harness/process.ts';
import type { Hop } from './hop.ts';
import { envoyTransportSocket, haproxyBindOptions, nginxListen } from './peer-tls.ts';
import { onProxyCpu } from './placement.ts';
import type { Rig } from './rig.ts';
import type { Missing, StartedProxy } from './started-proxy.ts';
import { writeTemplate } from './template.ts';
import type { TlsFiles } from './tls-files.ts';

export const peerContenders = ['haproxy', 'nginx', 'nghttpx', 'envoy', 'node'] as const;
type PeerContender = (typeof peerContenders)[number];

/** Starts a peer that sends everything to one port, with its file in `peers/`. */
export async function startPeer(
  name: PeerContender,
  rig: Rig,
  originPort: number,
  hop: Hop,
  tls: TlsFiles | null,
): Promise<StartedProxy | Missing> {
  const peer = name === 'node' ? { path: process.execPath, version: process.versions.node } : await findPeer(name);
  if (peer.path === null) return { missing: peer.reason };
  const port = await freePort();
  const folder = join(rig.folder, `${name}-${port}`);
  mkdirSync(folder);
  const args = await argumentsOf(name, { port, origin: originPort }, folder, hop, tls);
  const running = await startProcess({ ...onProxyCpu(rig.place, peer.path, args), t: rig.owner });
  return { version: peer.version, port, running };
}

type Ports = { readonly port: number; readonly origin: number };

async function argumentsOf(
  name: PeerContender,
  ports: Ports,
  folder: string,
  { downstream, upstream }: Hop,
  tls: TlsFiles | null,
): Promise<string[]> {
  const isHttp2Downstream = downstream === 'http2';
  const isHttp2Upstream = upstream !== 'http1';
  switch (name) {
    case 'haproxy': {
      const bindOptions = isHttp2Downstream ? 'proto h2' : haproxyBindOptions(tls);
      const serverOptions = isHttp2Upstream ? 'proto h2' : '';
      return ['-db', '-f', writeTemplate('haproxy.cfg', folder, { ...ports, bindOptions, serverOptions })];
    }
    case 'nginx':
      return ['-c', writeTemplate('nginx.conf', folder, { ...ports, folder, ...nginxListen(tls) })];
    case 'nghttpx': {
      const config = writeTemplate('nghttpx.conf', folder, { ...ports, proto: isHttp2Upstream ? 'h2' : 'http/1.1' });
      return [`--conf=${config}`];
    }
    case 'envoy': {
      const config = writeTemplate('envoy.yaml', folder, {
        ...ports,
        admin: await freePort(),
        transportSocket: envoyTransportSocket(tls),
        codec: isHttp2Downstream ? 'HTTP2' : 'HTTP1',
        upstreamProtocol: isHttp2Upstream
          ? 'http2_protocol_options: { max_concurrent_streams: 1000 }'
          : 'http_protocol_options: {}',
      });
      return ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning', '-c', config];
    }
    case 'node':
      return [join(import.meta.dirname, 'peers', 'node-h2-proxy.mjs'), String(ports.port), String(ports.origin)];
  }
}

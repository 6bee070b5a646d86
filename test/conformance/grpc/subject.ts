import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { grpcService, grpcServiceAt } from '../../dataplane/grpc/resources.ts';
import { route } from '../../dataplane/harness/resources.ts';
import { staticProxy } from '../../dataplane/harness/static-proxy.ts';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { peer } from '../../harness/peers.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { envoyConfig } from './envoy-config.ts';

/** How many proxies stand between client and server: two are a client's and a server's, as in a mesh. */
export const subjects = ['none', 'one', 'two'] as const;
export type Subject = (typeof subjects)[number];

/** Whose proxies. Envoy is there to prove the cases. */
export const proxyNames = ['meshlane', 'envoy'] as const;
export type ProxyName = (typeof proxyNames)[number];

type StartProxy = (t: Owner, port: number) => Promise<number>;
const proxies: Readonly<Record<ProxyName, { readonly outbound: StartProxy; readonly inbound: StartProxy }>> = {
  meshlane: { outbound, inbound },
  envoy: { outbound: envoy, inbound: envoy },
};

/** Puts the proxies before a server; resolves with the port that clients call. */
export async function putBefore(t: Owner, serverPort: number, subject: Subject, name: ProxyName): Promise<number> {
  if (subject === 'none') return serverPort;
  const { outbound, inbound } = proxies[name];
  return outbound(t, subject === 'one' ? serverPort : await inbound(t, serverPort));
}

async function outbound(t: Owner, port: number): Promise<number> {
  // For every host, because grpc-go's client calls it by its address.
  const resources = [...grpcServiceAt('app', port), route('all', [{ backends: [{ service: 'app' }] }])];
  return (await staticProxy(t, { resources })).port;
}

async function inbound(t: Owner, appPort: number): Promise<number> {
  return (await staticProxy(t, { resources: [grpcService('app')], appPort })).inboundPort;
}

/** Envoy tells the port it got on a page of its own only, so it is given one. */
async function envoy(t: Owner, serverPort: number): Promise<number> {
  const command = await peer('envoy');
  if (command === null) throw new Error('Envoy is missing');
  const port = await freePort();
  const file = `${tempFolder(t)}/envoy.json`;
  writeFileSync(file, JSON.stringify(envoyConfig(port, serverPort), null, 2));
  const args = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'critical', '-c', file];
  await startProcess({ command, args, t });
  await until(() => isListening(port), { what: 'a connection to Envoy' });
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  return true;
}

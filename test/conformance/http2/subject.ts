import { writeFileSync } from 'node:fs';
import manifest from '../../../package.json' with { type: 'json' };
import { staticProxy } from '../../dataplane/harness/static-proxy.ts';
import type { CertificateFiles } from '../../harness/certificate.ts';
import { freePort } from '../../harness/free-port.ts';
import { answers } from '../../harness/http2/answers.ts';
import type { Owner } from '../../harness/owner.ts';
import { findPeer } from '../../harness/peers.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import type { Lane } from '../http1/drive.ts';
import { RecordingOrigin } from '../http1/recording-origin.ts';
import type { Subject } from '../http1/subject.ts';
import { type PeerName, peerConfigs } from './peer-configs.ts';

export type SubjectName = 'meshlane' | PeerName;

export type SubjectOptions = {
  readonly laneCount: number;
  /** With it callers speak TLS. */
  readonly tls?: CertificateFiles;
  /** Whether ours finds out what callers speak, or is told; its peers are always told. */
  readonly protocol?: 'auto' | 'http2';
};

/** Starts a proxy that speaks HTTP/2 to callers and HTTP/1.1 to an origin for each lane; why not, when it cannot be had. */
export function startSubject(
  t: Owner,
  name: SubjectName,
  options: SubjectOptions,
): Promise<Subject | { missing: string }> {
  return name === 'meshlane' ? startOurs(t, options) : startPeer(t, name, options);
}

/** Our own proxy, a whole one for each lane, in this process. */
export async function startOurs(t: Owner, { laneCount, tls, protocol = 'auto' }: SubjectOptions): Promise<Subject> {
  const inbound = { name: 'in', port: 0, direction: 'inbound', protocol, ...(tls === undefined ? {} : { tls }) };
  const listeners = [{ name: 'out', port: 0, direction: 'outbound' }, inbound];
  const lanes = await Promise.all(
    Array.from({ length: laneCount }, async () => {
      const origin = await new RecordingOrigin().listen(t);
      const proxy = await staticProxy(t, { appPort: origin.port, spec: { listeners } });
      return { port: proxy.inboundPort, origin };
    }),
  );
  await serving('meshlane', lanes, tls !== undefined);
  return { name: 'meshlane', version: manifest.version, lanes };
}

async function startPeer(
  t: Owner,
  name: PeerName,
  { laneCount, tls }: SubjectOptions,
): Promise<Subject | { missing: string }> {
  const found = await findPeer(name);
  if (found.path === null) return { missing: found.reason };
  const lanes: Lane[] = [];
  for (let i = 0; i < laneCount; i++)
    lanes.push({ port: await freePort(), origin: await new RecordingOrigin().listen(t) });
  const ways = lanes.map(({ port, origin }) => ({ port, originPort: origin.port }));
  for (const { file, text, args } of peerConfigs(name, tempFolder(t), ways, tls)) {
    writeFileSync(file, text);
    await startProcess({ command: found.path, args, t });
  }
  await serving(name, lanes, tls !== undefined);
  return { name, version: found.version, lanes };
}

async function serving(name: string, lanes: readonly Lane[], isTls: boolean): Promise<void> {
  const what = `a reply of HTTP/2 through ${name}`;
  for (const { port } of lanes)
    await until(() => answers(port, isTls ? { tls: { rejectUnauthorized: false } } : {}), { what });
}

import { writeFileSync } from 'node:fs';
import manifest from '../../../package.json' with { type: 'json' };
import { staticProxy } from '../../dataplane/harness/static-proxy.ts';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { findPeer } from '../../harness/peers.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import type { Lane } from './drive.ts';
import { type PeerName, peerConfig } from './peer-configs.ts';
import { RecordingOrigin } from './recording-origin.ts';

/** A proxy that stands between callers and origins, one origin a lane. */
export type Subject = { readonly name: string; readonly version: string; readonly lanes: readonly Lane[] };

/** Our own proxy, a whole one for each lane, in this process. */
export async function startOurs(t: Owner, laneCount: number): Promise<Subject> {
  const lanes = await Promise.all(
    Array.from({ length: laneCount }, async () => {
      const origin = await new RecordingOrigin().listen(t);
      const proxy = await staticProxy(t, { appPort: origin.port });
      return { port: proxy.inboundPort, origin };
    }),
  );
  return { name: 'meshlane', version: manifest.version, lanes };
}

/** Another proxy, as one process with a port for each lane; why not, when it cannot be had. */
export async function startPeer(t: Owner, name: PeerName, laneCount: number): Promise<Subject | { missing: string }> {
  const found = await findPeer(name);
  if (found.path === null) return { missing: found.reason };
  const lanes: Lane[] = [];
  for (let i = 0; i < laneCount; i++)
    lanes.push({ port: await freePort(), origin: await new RecordingOrigin().listen(t) });
  const ways = lanes.map(({ port, origin }) => ({ port, originPort: origin.port }));
  const { file, text, args } = peerConfig(name, tempFolder(t), ways);
  writeFileSync(file, text);
  const running = await startProcess({ command: found.path, args, t });
  try {
    for (const { port } of lanes)
      await until(async () => (await fetch(`http://127.0.0.1:${port}/`)).ok, { what: `a reply through ${name}` });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${running.output()}`, { cause: error });
  }
  return { name, version: found.version, lanes };
}

import { staticProxy } from '../../dataplane/harness/static-proxy.ts';
import type { Owner } from '../../harness/owner.ts';
import type { Lane } from './drive.ts';
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
  return { name: 'meshlane', version: '', lanes };
}

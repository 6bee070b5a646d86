import { fileURLToPath } from 'node:url';
import type { Owner } from '../harness/owner.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';

const main = fileURLToPath(new URL('../../cli/main.mjs', import.meta.url));

export type PlaneProcess = RunningProcess & { readonly url: string; readonly push: string };

/** A control plane as a process of its own, which a fault may hit; on free ports unless told otherwise. */
export async function startPlaneProcess(
  t: Owner,
  store: string,
  { api = ':0', push = ':0', flags = [] as readonly string[] } = {},
): Promise<PlaneProcess> {
  const running = await startProcess({
    command: process.execPath,
    args: [main, 'control-plane', '--insecure', '--api', api, '--push', push, '--store', store, ...flags],
    ready: /^ready: /,
    t,
  });
  const [, url, pushAddress] = /ready: api (\S+) push (\S+) store /.exec(running.output()) ?? [];
  if (!url || !pushAddress) throw new Error(`no address in: ${running.output()}`);
  return { ...running, url, push: pushAddress };
}

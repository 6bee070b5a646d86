import { availableParallelism } from 'node:os';
import { runCommand } from '../harness/run-command.ts';
import { allowedCpus } from './proc.ts';

/** Which CPU the measured proxies get, and which everything else: load, origin, span sink and this process. */
export type Placement = { readonly proxyCpu: number | null; readonly loadCpu: number | null; readonly note: string };

/** Without pins: the scheduler decides, and figures of two runs are hard to compare. */
export const unpinned: Placement = {
  proxyCpu: null,
  loadCpu: null,
  note: `not pinned, ${availableParallelism()} CPUs`,
};

/**
 * Takes the first allowed CPU for the proxies and moves this process (and so whatever it starts) to the second.
 * Falls back to no pins, saying so, on a machine with one CPU or without taskset.
 */
export async function pin(warn: (text: string) => void): Promise<Placement> {
  const [proxyCpu, loadCpu] = allowedCpus();
  if (proxyCpu === undefined || loadCpu === undefined) {
    warn('this machine has one CPU: proxy and load share it, so only requests per CPU-second means something');
    return unpinned;
  }
  const moved = await runCommand('taskset', [
    '--all-tasks',
    '--cpu-list',
    '--pid',
    String(loadCpu),
    String(process.pid),
  ]);
  if (moved.code !== 0) {
    warn(`taskset failed, nothing is pinned: ${moved.stderr.trim()}`);
    return unpinned;
  }
  return { proxyCpu, loadCpu, note: `proxy on CPU ${proxyCpu}; load, origin and span sink on CPU ${loadCpu}` };
}

/** The command line that runs a program where the proxies belong. taskset becomes the program, so the pid is the program’s. */
export function onProxyCpu(
  place: Placement,
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  if (place.proxyCpu === null) return { command, args: [...args] };
  return { command: 'taskset', args: ['--cpu-list', String(place.proxyCpu), command, ...args] };
}

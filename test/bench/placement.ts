import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { runCommand } from '../harness/run-command.ts';
import { allowedCpus } from './proc.ts';

/** Which CPU the measured proxies get, and which everything else: load, origin, span sink and this process. */
export type Placement = {
  readonly proxyCpu: number | null;
  readonly loadCpu: number | null;
  /** Where an origin goes that must not share the CPU of the load: a third one, or else that of the proxies. */
  readonly originCpu: number | null;
  readonly note: string;
};

/** Without pins: the scheduler decides, and figures of two runs are hard to compare. */
export const unpinned: Placement = {
  proxyCpu: null,
  loadCpu: null,
  originCpu: null,
  note: `not pinned, ${availableParallelism()} CPUs`,
};

/**
 * Takes the first allowed CPU for the proxies and moves this process (and so whatever it starts) to the second.
 * Falls back to no pins, saying so, on a machine with one CPU or without taskset.
 */
export async function pin(warn: (text: string) => void): Promise<Placement> {
  const [proxyCpu, loadCpu, third] = allowedCpus();
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
  return {
    proxyCpu,
    loadCpu,
    originCpu: third ?? proxyCpu,
    note: `proxy on CPU ${proxyCpu}; load, origin and span sink on CPU ${loadCpu}`,
  };
}

/** The command line that runs a program where the proxies belong. taskset becomes the program, so the pid is the program’s. */
export function onProxyCpu(place: Placement, command: string, args: readonly string[]): CommandLine {
  return onCpu(place.proxyCpu, command, args);
}

type CommandLine = { command: string; args: string[] };

/** The same for any CPU; null leaves the program where this process is. */
export function onCpu(cpu: number | null, command: string, args: readonly string[]): CommandLine {
  if (cpu === null) return { command, args: [...args] };
  return { command: 'taskset', args: ['--cpu-list', String(cpu), command, ...args] };
}

/** Moves a running process with all its threads; nothing happens where nothing is pinned. */
export async function pinAgain(pid: number, cpus: readonly (number | null)[]): Promise<void> {
  if (cpus.includes(null)) return;
  const moved = await runCommand('taskset', ['--all-tasks', '--cpu-list', '--pid', cpus.join(','), String(pid)]);
  if (moved.code !== 0) throw new Error(`taskset could not move process ${pid}: ${moved.stderr.trim()}`);
}

/** Gives each worker thread of a running proxy a CPU of its own, in turn; its other threads may have all of them. */
export async function spreadWorkers(pid: number, cpus: readonly (number | null)[]): Promise<void> {
  await pinAgain(pid, cpus);
  if (cpus.includes(null)) return;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const place = /^worker-(\d+)$/m.exec(readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8'))?.[1];
    if (place === undefined) continue;
    const cpu = cpus[Number(place) % cpus.length];
    const moved = await runCommand('taskset', ['--cpu-list', '--pid', String(cpu), thread]);
    if (moved.code !== 0) throw new Error(`taskset could not move thread ${thread}: ${moved.stderr.trim()}`);
  }
}

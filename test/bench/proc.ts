import { readdirSync, readFileSync } from 'node:fs';

/** What `/proc/PID/stat` says about a process: its own CPU time over all its threads, ended ones included. */
export type ProcessStat = { readonly pid: number; readonly parent: number; readonly ticks: number };

/** Ticks a second of utime and stime: USER_HZ is 100 on every Linux architecture we run on. */
export const ticksPerSecond = 100;

/** Reads one line of `/proc/PID/stat` (proc(5)). The command name may hold spaces and brackets, so fields count from the last one. */
export function parseStat(line: string): ProcessStat {
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  const pid = Number(line.slice(0, Math.max(open, 0)));
  // Fields after the name, from field 3 (state) on: 4 parent, 14 utime, 15 stime.
  const fields = line
    .slice(close + 2)
    .trim()
    .split(' ');
  const parent = Number(fields[1]);
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (open < 0 || close < open || !Number.isInteger(pid) || !Number.isInteger(parent) || !Number.isInteger(ticks))
    throw new Error(`not a line of /proc/PID/stat: ${line.slice(0, 80)}`);
  return { pid, parent, ticks };
}

/** Bytes of a `Vm...` field of `/proc/PID/status`; throws when the field is missing. */
export function parseStatusBytes(text: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (!match) throw new Error(`/proc/PID/status has no ${field}`);
  return Number(match[1]) * 1024;
}

/** CPU numbers of a list such as `0-2,5` (Cpus_allowed_list). */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) throw new Error(`not a list of CPUs: ${text}`);
    for (let cpu = Number(match[1]); cpu <= Number(match[2] ?? match[1]); cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** The process and every living descendant: a master with workers counts as one subject. */
export function treeOf(root: number, all: readonly ProcessStat[]): ProcessStat[] {
  const wanted = new Set([root]);
  // A child may be listed before its parent (pids wrap), so look again until nothing new is found.
  for (let before = 0; before !== wanted.size; ) {
    before = wanted.size;
    for (const stat of all) if (wanted.has(stat.parent)) wanted.add(stat.pid);
  }
  return all.filter((stat) => wanted.has(stat.pid));
}

function readTree(root: number): ProcessStat[] {
  const all: ProcessStat[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = readOrGone(`/proc/${name}/stat`);
    if (line !== null) all.push(parseStat(line));
  }
  const tree = treeOf(root, all);
  if (tree.length === 0) throw new Error(`process ${root} has ended`);
  return tree;
}

/**
 * CPU seconds (user and system) that the threads of the process and of its descendants have used, to the nanosecond where
 * the kernel tells. Threads that ended are not in it then; the proxies keep theirs.
 */
export function cpuSecondsOf(root: number): number {
  return readTree(root).reduce((sum, stat) => sum + (scheduledSeconds(stat.pid) ?? stat.ticks / ticksPerSecond), 0);
}

/** The first field of `schedstat` is the time on a CPU in ns; null on a kernel without it. */
function scheduledSeconds(pid: number): number | null {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readOrGone(`/proc/${pid}/task/${thread}/schedstat`);
    if (text !== null) nanoseconds += Number(text.split(' ')[0]);
  }
  // Nothing at all was on a CPU: there is no such file, or the kernel does not count.
  return nanoseconds > 0 ? nanoseconds / 1e9 : null;
}

/** Null for what ended between the listing and the read. */
function readOrGone(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
    return null;
  }
}

/** Resident bytes of the process and its descendants: now, and at their highest. Pages they share count for each. */
export function residentBytesOf(root: number): { now: number; peak: number } {
  const sum = { now: 0, peak: 0 };
  for (const { pid } of readTree(root)) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    sum.now += parseStatusBytes(status, 'VmRSS');
    sum.peak += parseStatusBytes(status, 'VmHWM');
  }
  return sum;
}

/** The CPUs that this process may run on. */
export function allowedCpus(): number[] {
  const match = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return match ? parseCpuList(match[1]!) : [];
}

/** Ticks of one CPU since the machine started; busy is all but idle and waiting for disks. */
export type CpuTimes = { readonly busy: number; readonly total: number };

/** Reads the line `cpuN` of `/proc/stat`; guest time is left out because user time holds it already. */
export function parseCpuTimes(text: string, cpu: number): CpuTimes {
  const fields = new RegExp(`^cpu${cpu} (.*)$`, 'm').exec(text)?.[1]?.trim().split(/ +/).slice(0, 8).map(Number);
  if (fields?.length !== 8 || !fields.every(Number.isInteger)) throw new Error(`/proc/stat has no line for CPU ${cpu}`);
  const total = fields.reduce((sum, ticks) => sum + ticks, 0);
  return { total, busy: total - fields[3]! - fields[4]! };
}

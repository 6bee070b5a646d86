import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * The command lines of the processes that still run in a group, after a moment for those that are about to end.
 * Reads /proc, because a signal also reaches the dead whose parent has not collected them yet.
 */
export async function leftInGroup(group: number): Promise<readonly string[]> {
  let left = runningIn(group);
  for (let tries = 0; left.length > 0 && tries < 20; tries++) {
    await wait(50);
    left = runningIn(group);
  }
  return left;
}

export function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: nobody is left, as wished
  }
}

function runningIn(group: number): readonly string[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // pid (name) state ppid pgrp ...; the name may hold anything, so count from its last bracket.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(pgrp) !== group || state === 'Z' || state === 'X') return [];
      return [`${readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()} (pid ${name})`];
    } catch {
      return []; // it ended while we looked
    }
  });
}

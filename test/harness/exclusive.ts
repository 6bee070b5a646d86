import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * Runs `work` while no other process runs any under the same file; waits for its turn.
 *
 * The lock is the one that SQLite takes on its file: the system gives it back when its holder ends in whatever way, so
 * a lock can never be stale and nobody has to guess from process ids whether it is. The pid beside it is only for people.
 */
export async function exclusively<T>(
  file: string,
  onWait: (holder: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file);
  try {
    let hasWaited = false;
    while (!tryLock(database)) {
      if (!hasWaited) onWait(holderOf(file));
      hasWaited = true;
      await wait(200);
    }
    writeFileSync(`${file}.pid`, String(process.pid));
    return await work();
  } finally {
    database.close();
  }
}

const sqliteBusy = 5;

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === sqliteBusy) return false;
    throw error;
  }
}

function holderOf(file: string): string {
  try {
    return `process ${readFileSync(`${file}.pid`, 'utf8')}`;
  } catch {
    return 'another process'; // it holds the lock, but has not written its name yet
  }
}

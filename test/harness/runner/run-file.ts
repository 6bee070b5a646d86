import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { atProcessEnd } from '../owner.ts';
import { killGroup, leftInGroup } from './process-group.ts';
import { TapReader, type TapReport } from './tap-report.ts';

export type FileReport = TapReport & {
  readonly path: string;
  readonly tookMs: number;
  /** What went wrong with the file itself beside its tests: a crash, a time limit, processes left behind; else null. */
  readonly trouble: string | null;
  readonly stderr: string;
};

export type RunLimits = {
  /** A file whose tests do not say otherwise (`t.setTimeout`) fails after this. */
  readonly timeoutMs: number;
  /** Whatever its tests say, the file is ended after this. */
  readonly hardTimeoutMs: number;
};

/** Stripped and compiled sources, which the processes of Meshlane use as well: it spares a file a quarter of its CPU time. */
const compileCache = 'node_modules/.cache/meshlane';
/** How long a file may take to leave after its last test; longer means that something it opened is still open. */
const leaveMs = 3_000;

/**
 * Runs one test file with this Node and reads its TAP. The file gets a process group of its own, so that whatever it
 * starts can be found and ended when it is over, even after a crash.
 */
export async function runTestFile(root: string, path: string, limits: RunLimits): Promise<FileReport> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--enable-source-maps', path], {
    cwd: root,
    detached: true,
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: join(root, compileCache),
      TAP_TIMEOUT: String(limits.timeoutMs / 1000),
      FORCE_COLOR: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const group = child.pid;
  const forget = atProcessEnd(() => group !== undefined && killGroup(group));
  const tap = new TapReader();
  let stderr = '';
  let trouble: string | null = null;
  let leaveTimer: NodeJS.Timeout | undefined;

  const endWith = (reason: string) => {
    trouble ??= reason;
    child.kill('SIGTERM'); // lets it end what it started
    setTimeout(() => child.kill('SIGKILL'), 2_000).unref();
  };
  const hardTimer = setTimeout(
    () => endWith(`it was ended after ${limits.hardTimeoutMs / 1000} s`),
    limits.hardTimeoutMs,
  );
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    tap.write(text);
    if (tap.hasRunItsPlan)
      leaveTimer ??= setTimeout(
        () => endWith(`its tests were done, but it was still open ${leaveMs / 1000} s later`),
        leaveMs,
      );
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-64 * 1024);
  });

  const exit = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) =>
      resolve(signal ? `ended by ${signal}` : code === 0 ? null : `exit code ${code}`),
    );
  });
  clearTimeout(hardTimer);
  clearTimeout(leaveTimer);
  const left = group === undefined ? [] : await leftInGroup(group);
  if (group !== undefined && left.length > 0) {
    trouble ??= `it left running what it had started: ${left.join(', ')}`;
    killGroup(group);
  }
  forget();
  if (!child.stdout.closed)
    await Promise.race([new Promise((resolve) => child.stdout.once('close', resolve)), wait(1_000)]);
  const report = tap.end();
  // A failing test explains exit code 1; nothing explains a signal or another code.
  if (report.failed === 0 || exit !== 'exit code 1') trouble ??= exit;
  if (report.passed + report.failed + report.skipped.length === 0) trouble ??= 'it has no tests';
  return { ...report, path, tookMs: performance.now() - startedAt, trouble, stderr };
}

import { spawn } from 'node:child_process';
import { atProcessEnd } from './owner.ts';

export type CommandResult = {
  /** null when it did not start, or was ended by a signal or by the time limit. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type CommandOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** After this the command is killed (60 s). */
  readonly timeoutMs?: number;
  readonly input?: string;
};

/** Runs a program to its end and collects what it wrote. Never rejects: what went wrong is in `code` and `stderr`. */
export function runCommand(
  command: string,
  args: readonly string[],
  { env = {}, cwd, timeoutMs = 60_000, input = '' }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' });
    const forget = atProcessEnd(() => child.kill('SIGKILL'));
    let stdout = '';
    let stderr = '';
    let note = '';
    const finish = (code: number | null) => {
      clearTimeout(timer);
      forget();
      resolve({ code, stdout, stderr: stderr + note });
    };
    const timer = setTimeout(() => {
      note = `${command} took longer than ${timeoutMs} ms and was killed.\n`;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // A program may end without reading its input; its exit code tells the story then.
    child.stdin.on('error', () => undefined).end(input);
    child.once('error', (error) => {
      note = `${error.message}\n`;
      finish(null);
    });
    child.once('close', finish);
  });
}

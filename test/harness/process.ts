import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { atProcessEnd, type Owner } from './owner.ts';

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type ProcessOptions = {
  readonly command: string;
  readonly args?: readonly string[];
  /** The test that ends the process by its end. Without one, the process ends with this one and does not keep it alive. */
  readonly t?: Owner;
  /** The line of stdout or stderr that tells it serves; without it, it is ready as soon as it runs. */
  readonly ready?: RegExp | ((line: string) => boolean);
  /** Added to this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** How long it may take until it is ready (20 s). */
  readonly timeoutMs?: number;
};

export type RunningProcess = {
  readonly pid: number;
  /** The end of what it wrote on stdout and stderr, in order; the last 256 KiB. */
  output(): string;
  /** Asks it to end (SIGTERM); after 10 s SIGKILL ends it. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  /** Ends it without warning, as `kill -9` does; resolves when it is gone. */
  kill9(): Promise<Exit>;
  readonly exited: Promise<Exit>;
};

const keptOutputSize = 256 * 1024;
const stopTimeoutMs = 10_000;

/** Starts a program and waits until it is ready. Errors carry the last lines it wrote. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { command, args = [], t, ready, timeoutMs = 20_000 } = options;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const title = [command.split('/').at(-1), ...args].join(' ');
  let output = '';
  const lastLines = () => {
    const lines = output.trimEnd().split('\n').slice(-30).join('\n  ');
    return lines === '' ? 'It wrote nothing.' : `The last it wrote:\n  ${lines}`;
  };
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const forget = atProcessEnd(() => child.kill('SIGKILL'));
  exited.then(forget);

  const becameReady = new Promise<void>((resolve) => {
    const isReady = ready instanceof RegExp ? (line: string) => ready.test(line) : ready;
    const listen = (stream: NodeJS.ReadableStream) => {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-keptOutputSize);
        const lines = (rest + text).split('\n');
        rest = (lines.pop() ?? '').slice(-keptOutputSize);
        if (isReady && lines.some(isReady)) resolve();
      });
    };
    listen(child.stdout);
    listen(child.stderr);
    if (!isReady) resolve();
  });

  const end = async (signal: NodeJS.Signals): Promise<Exit> => {
    hold(child, true);
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    const exit = await exited;
    clearTimeout(timer);
    return exit;
  };
  t?.teardown(() => end('SIGTERM'));

  try {
    await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error))]);
  } catch (error) {
    forget();
    throw new Error(`"${title}" did not start: ${(error as Error).message}`, { cause: error });
  }
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<'too late'>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'too late');
  });
  const outcome = await Promise.race([becameReady, exited, tooLate]);
  clearTimeout(timer);
  if (outcome === 'too late') {
    await end('SIGKILL');
    throw new Error(`"${title}" was not ready within ${timeoutMs} ms. ${lastLines()}`);
  }
  if (outcome !== undefined && ready)
    throw new Error(`"${title}" ended (${describeExit(outcome)}) before it was ready. ${lastLines()}`);
  if (!t) hold(child, false);
  return {
    pid: child.pid!,
    output: () => output,
    stop: (signal = 'SIGTERM') => end(signal),
    kill9: () => end('SIGKILL'),
    get exited() {
      hold(child, true);
      return exited;
    },
  };
}

/** Says whether the child and its pipes keep this process alive. */
function hold(child: ChildProcess, isHeld: boolean): void {
  for (const part of [child, child.stdout, child.stderr] as unknown as { ref?(): void; unref?(): void }[])
    isHeld ? part.ref?.() : part.unref?.();
}

export function describeExit({ code, signal }: Exit): string {
  return signal ? `ended by ${signal}` : `exit code ${code}`;
}

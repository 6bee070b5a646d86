import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';

/** One process of the mesh: what to run and under which name it is spoken of. */
export type ProcessPlan = {
  readonly name: string;
  /** Arguments after `node`. */
  readonly args: readonly string[];
  /** It prints a line `ready: ...` when it serves. */
  readonly printsReady: boolean;
};

export type ChildOptions = {
  readonly cwd: string;
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

const preload = new URL('./exit-with-parent.ts', import.meta.url).href;
const maxLogBytes = 16 * 1024 * 1024;
const keptLines = 12;
const maxLineLength = 400;

/**
 * A Node process that ends with this one. It stands in a session of its own, so that Ctrl-C reaches only `meshlane dev`,
 * which then stops its processes in order.
 */
export class Child {
  readonly name: string;
  readonly logFile: string;
  /** Resolves when it serves; rejects, with its last lines, when it ended before. */
  readonly ready: Promise<void>;
  /** Resolves with how it ended (`exit code 1`, `SIGKILL`). Never rejects. */
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;
  #hasEnded = false;
  #lastLines: string[] = [];

  constructor(plan: ProcessPlan, { cwd, logFile, environment }: ChildOptions) {
    this.name = plan.name;
    this.logFile = logFile;
    this.#process = spawn(process.execPath, ['--import', preload, ...plan.args], {
      cwd,
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const readyLine = this.#follow();
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error) => resolve(`not started: ${error.message}`));
      this.#process.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.ended.then(() => {
      this.#hasEnded = true;
    });
    this.ready = plan.printsReady ? Promise.race([readyLine, this.#failWhenEnded()]) : Promise.resolve();
    this.ready.catch(() => undefined); // whoever waits for it hears of it; nobody has to
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The last lines it wrote, indented, and where the rest is. */
  get lastWords(): string {
    return [...this.#lastLines.map((line) => `    ${line}`), `    (log: ${this.logFile})`].join('\n');
  }

  /** Asks it to end with SIGTERM; after `graceMs` SIGKILL ends it. */
  async stop(graceMs: number): Promise<void> {
    if (this.#hasEnded) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Copies what it writes into its log; resolves at the line that says it serves. */
  #follow(): Promise<void> {
    const log = openSync(this.logFile, 'a');
    let written = 0;
    this.#process.once('close', () => closeSync(log));
    const keep = (bytes: Buffer) => {
      if (written > maxLogBytes) return;
      written += bytes.length;
      writeSync(log, written > maxLogBytes ? Buffer.from('the log is full; nothing more is kept\n') : bytes);
    };
    return new Promise((resolve) => {
      for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
        let rest = '';
        stream.on('data', (bytes: Buffer) => {
          keep(bytes);
          const lines = (rest + bytes.toString('utf8')).split('\n');
          rest = lines.pop()!.slice(-maxLineLength);
          if (lines.some((line) => line.startsWith('ready:'))) resolve();
          const cut = lines.filter(Boolean).map((line) => line.slice(0, maxLineLength));
          this.#lastLines = [...this.#lastLines, ...cut].slice(-keptLines);
        });
      }
    });
  }

  async #failWhenEnded(): Promise<never> {
    const how = await this.ended;
    throw new Error(`${this.name} ended (${how}) before it served:\n${this.lastWords}`);
  }
}

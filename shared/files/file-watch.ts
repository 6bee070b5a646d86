import { stat } from 'node:fs/promises';

const lookEveryMs = 5_000;

/** Looks every few seconds whether one of some files is another than before, as after a renewal. */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #onChange: () => Promise<void> | void;
  readonly #timer: NodeJS.Timeout;
  #stamp: string;
  #isLooking = false;

  private constructor(paths: readonly string[], stamp: string, onChange: () => Promise<void> | void, everyMs: number) {
    this.#paths = paths;
    this.#stamp = stamp;
    this.#onChange = onChange;
    this.#timer = setInterval(() => void this.#look(), everyMs);
    this.#timer.unref();
  }

  /** Take the stamp before the files are read: a change in between is then seen as one. */
  static async start(
    paths: readonly string[],
    onChange: () => Promise<void> | void,
    everyMs = lookEveryMs,
  ): Promise<FileWatch> {
    return new FileWatch(paths, await stampOf(paths), onChange, everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const stamp = await stampOf(this.#paths);
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      await this.#onChange();
    } finally {
      this.#isLooking = false;
    }
  }
}

async function stampOf(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map(fileStamp))).join(' ');
}

/** Changes when a file does, and when a link leads to another one. */
export async function fileStamp(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    return 'none'; // it is being replaced, or gone: reading it says which
  }
}

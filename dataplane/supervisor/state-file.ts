import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { readResource } from '../../shared/resources/read.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';

export type SavedState = {
  readonly revision: number;
  readonly resources: readonly AnyResource[];
  /** Id of the mesh that this is of; empty where it had none. */
  readonly mesh: string;
  /** Only instances of the services below are here; else those of all. */
  readonly isScoped: boolean;
  /** Services that were called. */
  readonly services: readonly string[];
};

/**
 * The last good snapshot on disk: written beside and renamed, so that a crash leaves the one before. Writes are merged:
 * while one is under way only the newest state waits.
 */
export class StateFile {
  readonly #folder: string;
  readonly #path: string;
  #next: SavedState | null = null;
  #writing: Promise<void> | null = null;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#path = join(folder, `${name}.json`);
  }

  get path(): string {
    return this.#path;
  }

  /** Null when there is none; a damaged file is an Error that says so. Resources that no longer read are left out. */
  async load(): Promise<SavedState | null> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    const saved = JSON.parse(text) as Partial<SavedState>;
    if (typeof saved.revision !== 'number' || !Array.isArray(saved.resources))
      throw new Error(`${this.#path} is not a saved snapshot`);
    const resources: AnyResource[] = [];
    for (const document of saved.resources) {
      const read = readResource(document);
      if (read.ok) resources.push(read.value);
    }
    // Files of older versions have no scope.
    const { revision, mesh = '', isScoped = false, services = [] } = saved;
    return { revision, resources, mesh, isScoped, services };
  }

  save(state: SavedState, onError: (error: unknown) => void): void {
    this.#next = state;
    this.#writing ??= this.#writeAll()
      .catch(onError)
      .finally(() => {
        this.#writing = null;
      });
  }

  /** Resolves when what was given to `save` is on disk. */
  async settle(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#next) {
      const state = this.#next;
      this.#next = null;
      await mkdir(this.#folder, { recursive: true });
      const temporary = `${this.#path}.new`;
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(state));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    }
  }
}

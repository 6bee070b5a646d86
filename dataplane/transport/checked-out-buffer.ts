import { OutBuffer } from './out-buffer.ts';

/**
 * The buffer of a worker under test. It breaks the worker when a connection comes upon bytes that another one has put
 * together and not written, which would leave on the wrong connection, and when bytes stay behind at the end of the event that
 * brought them, as nobody may come by to write them.
 */
export class CheckedOutBuffer extends OutBuffer {
  /** Whose bytes there are. */
  #owner: object | null = null;
  #isWatched = false;

  /** Each user has a view of its own, by which it is known. */
  override of(owner: object): OutBuffer {
    return new Proxy<OutBuffer>(this, {
      get: (_, name) => {
        const value: unknown = Reflect.get(this, name, this);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          this.#use(owner);
          return Reflect.apply(value, this, args);
        };
      },
      set: (_, name, value) => {
        this.#use(owner);
        return Reflect.set(this, name, value, this);
      },
    });
  }

  #use(owner: object): void {
    if (this.length > 0 && this.#owner !== owner)
      throw new Error(`${nameOf(owner)} meets ${this.length} bytes that ${nameOf(this.#owner)} has not written`);
    this.#owner = owner;
    if (this.#isWatched) return;
    this.#isWatched = true;
    queueMicrotask(() => this.#mustBeEmpty());
  }

  #mustBeEmpty(): void {
    this.#isWatched = false;
    if (this.length > 0) throw new Error(`${nameOf(this.#owner)} has left ${this.length} bytes behind`);
  }
}

function nameOf(owner: object | null): string {
  return owner?.constructor.name ?? 'nobody';
}

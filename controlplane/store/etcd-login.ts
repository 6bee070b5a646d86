import { readFile } from 'node:fs/promises';

/** Checking a password is hard work for etcd, so one that was refused is not sent again with every call. */
const refusedMs = 1_000;

/**
 * The token that calls carry: asked for when it is first needed, and again after `forget`. The password is read from its
 * file each time, so that a new one needs no restart.
 */
export class EtcdLogin {
  readonly #user: string;
  readonly #passwordFile: string;
  readonly #authenticate: (name: string, password: string) => Promise<string>;
  #token: Promise<string> | null = null;

  constructor(user: string, passwordFile: string, authenticate: (name: string, password: string) => Promise<string>) {
    this.#user = user;
    this.#passwordFile = passwordFile;
    this.#authenticate = authenticate;
  }

  /** Empty when etcd asks nobody to log in. Rejects with what etcd said. */
  token(): Promise<string> {
    if (this.#token) return this.#token;
    const asking = this.#ask();
    this.#token = asking;
    asking.catch(() => setTimeout(() => this.#forgetIf(asking), refusedMs).unref());
    return asking;
  }

  forget(): void {
    this.#token = null;
  }

  #forgetIf(token: Promise<string>): void {
    if (this.#token === token) this.#token = null;
  }

  async #ask(): Promise<string> {
    const password = (await readFile(this.#passwordFile, 'utf8')).replace(/\r?\n$/, '');
    try {
      return await this.#authenticate(this.#user, password);
    } catch (error) {
      // Somebody may turn it on later.
      if (/authentication is not enabled/.test(String(error))) return '';
      throw error;
    }
  }
}

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import type { Log } from '../../observability/logging/log.ts';
import type { Address } from '../../shared/discovery/address.ts';
import { FileWatch } from '../../shared/files/file-watch.ts';

/** Paths of what a sidecar shows the control plane, and knows it by; null where there is none. */
export type CredentialFiles = {
  /** PEM of the authorities whose certificate the control plane must have; null: in the clear. */
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly privateKey: string | null;
  readonly token: string | null;
};

type Contents = { readonly [Name in keyof CredentialFiles]: Buffer | null };

/** What a sidecar shows the control plane, read again when the files change. */
export class ControlPlaneCredentials {
  readonly #files: CredentialFiles;
  readonly #log: Log;
  #contents: Contents;
  #watch: FileWatch | null = null;
  /** Hears of new files; `needsConnection` when what is shown as a connection is made is another. */
  onRenewed: ((needsConnection: boolean) => void) | null = null;

  private constructor(files: CredentialFiles, contents: Contents, log: Log) {
    this.#files = files;
    this.#contents = contents;
    this.#log = log;
  }

  /** Rejects with an error that names the flag and the file. */
  static async open(files: CredentialFiles, log: Log, everyMs?: number): Promise<ControlPlaneCredentials> {
    const paths = Object.values(files).filter((path) => path !== null);
    let credentials: ControlPlaneCredentials | null = null;
    const watch = await FileWatch.start(paths, () => credentials?.reload(), everyMs);
    try {
      credentials = new ControlPlaneCredentials(files, await readAll(files), log);
    } catch (error) {
      watch.stop();
      throw error;
    }
    credentials.#watch = watch;
    return credentials;
  }

  /** Begins a connection; null in the clear, which needs nothing of ours. */
  connect({ host, port }: Address): Socket | null {
    const { ca, certificate, privateKey } = this.#contents;
    if (ca === null) return null;
    const shown = certificate === null || privateKey === null ? {} : { cert: certificate, key: privateKey };
    const named = isIP(host) === 0 ? { servername: host } : {}; // an address must not be sent as one (RFC 6066 §3)
    return connect({ host, port, ca, ...shown, ...named, ALPNProtocols: ['h2'] }).setNoDelay(true);
  }

  /** What each call shows, over whatever connection. */
  get fields(): readonly (readonly [name: string, value: string])[] {
    const { token } = this.#contents;
    return token === null ? [] : [['authorization', `Bearer ${token.toString('latin1').trim()}`]];
  }

  async reload(): Promise<void> {
    const { token: _oldToken, ...before } = this.#contents;
    try {
      this.#contents = await readAll(this.#files);
    } catch (error) {
      this.#log.warn('the new credentials for the control plane cannot be used, the last ones stay', {
        why: (error as Error).message,
      });
      return;
    }
    this.#log.info('the credentials for the control plane were read again');
    const { token: _newToken, ...now } = this.#contents;
    this.onRenewed?.(Object.values(before).join() !== Object.values(now).join());
  }

  close(): void {
    this.#watch?.stop();
  }
}

async function readAll({ ca, certificate, privateKey, token }: CredentialFiles): Promise<Contents> {
  const contents = {
    ca: await read('ca', ca, (bytes) => new X509Certificate(bytes)),
    certificate: await read('cert', certificate, (bytes) => new X509Certificate(bytes)),
    privateKey: await read('key', privateKey, createPrivateKey),
    token: await read('token-file', token, mustBeToken),
  };
  if (contents.certificate !== null && contents.privateKey !== null) {
    const isPair = new X509Certificate(contents.certificate).checkPrivateKey(createPrivateKey(contents.privateKey));
    if (!isPair) throw new Error(`--control-plane-key ${privateKey} is not the key of ${certificate}`);
  }
  if (contents.ca !== null) mustMakeContext(contents.ca, contents);
  return contents;
}

/** What reads well by itself may still be refused, such as a chain that is broken behind its first certificate. */
function mustMakeContext(ca: Buffer, { certificate, privateKey }: Contents): void {
  const shown = certificate === null || privateKey === null ? {} : { cert: certificate, key: privateKey };
  try {
    createSecureContext({ ca, ...shown });
  } catch (error) {
    throw new Error(`the files of --control-plane-* cannot be used for TLS: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function read(flag: string, path: string | null, check: (bytes: Buffer) => unknown): Promise<Buffer | null> {
  if (path === null) return null;
  try {
    const bytes = await readFile(path);
    check(bytes);
    return bytes;
  } catch (error) {
    throw new Error(`--control-plane-${flag} ${path} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

function mustBeToken(bytes: Buffer): void {
  if (!/^[\x21-\x7e]+$/.test(bytes.toString('latin1').trim())) throw new Error('it holds no token of one line');
}

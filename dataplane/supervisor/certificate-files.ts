import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Log } from '../../observability/logging/log.ts';
import type { ListenerTls, ProxyListener } from '../../shared/resources/proxy.ts';
import { type ServerCertificate, secureContextOf } from '../listener/tls-acceptor.ts';

const lookEveryMs = 5000;
const ticketKeyBytes = 48;

/** Reads what a listener shows its callers; throws an error that names the field and the file. */
export async function readCertificate(listener: string, tls: ListenerTls): Promise<ServerCertificate> {
  const shown = {
    certificate: await readPem(listener, 'certificate', tls.certificate),
    privateKey: await readPem(listener, 'privateKey', tls.privateKey),
    minVersion: tls.minVersion,
    ticketKeys: randomBytes(ticketKeyBytes),
  };
  try {
    secureContextOf(shown);
  } catch (error) {
    throw new Error(
      `listener ${listener}: tls.certificate ${tls.certificate} and tls.privateKey ${tls.privateKey} cannot be used together: ${reasonOf(error)}`,
      { cause: error },
    );
  }
  return shown;
}

async function readPem(listener: string, field: 'certificate' | 'privateKey', path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(
      `listener ${listener}: tls.${field} cannot be read: ${reasonOf(error)}; give the path of a PEM file`,
      {
        cause: error,
      },
    );
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Looks every few seconds whether the files of a listener are others than before, as after a renewal, and hands over
 * what they hold. Files that cannot be used leave the last good certificate in force.
 */
export class CertificateWatch {
  readonly #log: Log;
  readonly #onRenewed: (listener: string, shown: ServerCertificate) => void;
  readonly #stamps = new Map<string, string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(log: Log, onRenewed: (listener: string, shown: ServerCertificate) => void) {
    this.#log = log;
    this.#onRenewed = onRenewed;
  }

  async start(listeners: readonly ProxyListener[], everyMs = lookEveryMs): Promise<void> {
    for (const { name, tls } of listeners) if (tls) this.#stamps.set(name, await stampOf(tls));
    if (this.#stamps.size > 0) this.#timer = setInterval(() => void this.#look(listeners), everyMs);
    this.#timer?.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #look(listeners: readonly ProxyListener[]): Promise<void> {
    for (const { name, tls } of listeners) {
      if (!tls) continue;
      const stamp = await stampOf(tls);
      if (stamp === this.#stamps.get(name)) continue;
      this.#stamps.set(name, stamp);
      try {
        this.#onRenewed(name, await readCertificate(name, tls));
        this.#log.info('certificate renewed', { listener: name, certificate: tls.certificate });
      } catch (error) {
        this.#log.warn('the new certificate cannot be used, the last one stays', {
          listener: name,
          why: reasonOf(error),
        });
      }
    }
  }
}

/** Changes when a file does, and when a link leads to another one. */
async function stampOf({ certificate, privateKey }: ListenerTls): Promise<string> {
  const stamps = await Promise.all([certificate, privateKey].map(fileStamp));
  return stamps.join(' ');
}

async function fileStamp(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    return 'none'; // it is being replaced, or gone: reading it says which
  }
}

import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Log } from '../../observability/logging/log.ts';
import { fileStamp } from '../../shared/files/file-watch.ts';
import type { ListenerTls, ProxyListener } from '../../shared/resources/proxy.ts';
import { type ServerCertificate, secureContextOf } from '../listener/tls-acceptor.ts';

const lookEveryMs = 5000;
const ticketKeyBytes = 48;

/** Reads what a listener shows its callers; throws an error that names the listener, the field and the file. */
export async function readCertificate(listener: string, tls: ListenerTls): Promise<ServerCertificate> {
  const at = (field: 'certificate' | 'privateKey') => `listener ${listener}: tls.${field} ${tls[field]}`;
  const shown = {
    certificate: await readPem(at('certificate'), tls.certificate),
    privateKey: await readPem(at('privateKey'), tls.privateKey),
    minVersion: tls.minVersion,
    ticketKeys: randomBytes(ticketKeyBytes),
  };
  // OpenSSL takes an empty text for nothing to do, as of a file that is being written: then every handshake would fail.
  const certificate = explain(
    `${at('certificate')} holds no certificate`,
    () => new X509Certificate(shown.certificate),
  );
  const key = explain(`${at('privateKey')} holds no private key`, () => createPrivateKey(shown.privateKey));
  if (!certificate.checkPrivateKey(key)) throw new Error(`${at('privateKey')} is not the key of ${tls.certificate}`);
  explain(`${at('certificate')} and ${tls.privateKey} cannot be used`, () => secureContextOf(shown));
  return shown;
}

async function readPem(place: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`${place} cannot be read: ${reasonOf(error)}; give the path of a PEM file`, { cause: error });
  }
}

function explain<T>(fault: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Error(`${fault}: ${reasonOf(error)}`, { cause: error });
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

async function stampOf({ certificate, privateKey }: ListenerTls): Promise<string> {
  const stamps = await Promise.all([certificate, privateKey].map(fileStamp));
  return stamps.join(' ');
}

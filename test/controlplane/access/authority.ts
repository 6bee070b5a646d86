import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateFiles } from '../../harness/certificate.ts';
import type { Owner } from '../../harness/owner.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';

export type Issue = {
  readonly commonName?: string;
  /** Subject alternative names as openssl writes them. */
  readonly names?: string;
  /** Negative: over already. */
  readonly days?: number;
  /** Where the files go, instead of a name of their own. */
  readonly as?: string;
};

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A certificate authority in a folder of its own. */
export class Authority {
  readonly folder: string;
  readonly certificate: string;
  readonly #key: string;
  #issued = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.certificate = join(folder, 'ca.crt');
    this.#key = join(folder, 'ca.key');
  }

  static async make(t: Owner): Promise<Authority> {
    const authority = new Authority(tempFolder(t));
    const out = ['-keyout', authority.#key, '-out', authority.certificate];
    await openssl(['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=authority', ...out]);
    return authority;
  }

  async issue({
    commonName = 'somebody',
    names = 'DNS:localhost,IP:127.0.0.1',
    days = 1,
    as,
  }: Issue): Promise<CertificateFiles> {
    const base = join(this.folder, as ?? `issued-${++this.#issued}`);
    const files = { certificate: `${base}.crt`, privateKey: `${base}.key` };
    writeFileSync(`${base}.ext`, `subjectAltName=${names}\n`);
    await openssl(['req', ...newKey, '-subj', `/CN=${commonName}`, '-keyout', files.privateKey, '-out', `${base}.csr`]);
    await openssl([
      ...['x509', '-req', '-in', `${base}.csr`, '-CA', this.certificate, '-CAkey', this.#key, '-CAcreateserial'],
      ...['-days', String(days), '-extfile', `${base}.ext`, '-out', files.certificate],
    ]);
    return files;
  }

  /** A certificate with a SPIFFE ID and no other name. */
  spiffe(id: string, more: Issue = {}): Promise<CertificateFiles> {
    return this.issue({ names: `URI:${id}`, ...more });
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  const made = await runCommand('openssl', args);
  if (made.code !== 0) throw new Error(`openssl ${args[0]} failed: ${made.stderr.trim()}`);
}

import { join } from 'node:path';
import { runCommand } from './run-command.ts';

/** Paths of PEM files. */
export type CertificateFiles = { readonly certificate: string; readonly privateKey: string };

/** Makes a self-signed ECDSA P-256 certificate with openssl, good for `host` and 127.0.0.1; throws what openssl said when it cannot. */
export async function makeCertificate(folder: string, host = 'localhost', name = 'tls'): Promise<CertificateFiles> {
  const files = { certificate: join(folder, `${name}.crt`), privateKey: join(folder, `${name}.key`) };
  const made = await runCommand('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host},IP:127.0.0.1`],
    ...['-keyout', files.privateKey, '-out', files.certificate],
  ]);
  if (made.code !== 0) throw new Error(`openssl made no certificate: ${made.stderr.trim()}`);
  return files;
}

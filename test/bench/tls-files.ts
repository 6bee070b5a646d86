import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '../harness/certificate.ts';
import { benchRequest } from './mesh-config.ts';

/** One self-signed certificate for all proxies, and what makes every client speak the same TLS to them. */
export type TlsFiles = {
  readonly certificate: string;
  readonly privateKey: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly both: string;
  /** OpenSSL configuration of the load generator. */
  readonly clientConfig: string;
  /** The certificate's text, which a client that checks it trusts. */
  readonly trusted: string;
};

/**
 * What is compared is the work of the proxies, so all of them get the same cipher. It is fixed on the client's side,
 * which works for every server alike: with one suite and one group offered, there is nothing left to choose.
 */
export const tlsSuite = 'TLS_AES_128_GCM_SHA256';
const tlsGroup = 'X25519';

const clientConfig = `openssl_conf = everything
[everything]
ssl_conf = ssl
[ssl]
system_default = client
[client]
MinProtocol = TLSv1.3
Ciphersuites = ${tlsSuite}
Groups = ${tlsGroup}
`;

/** Makes the files in a folder; throws what openssl said when it cannot. */
export async function makeTlsFiles(folder: string): Promise<TlsFiles> {
  const files = {
    ...(await makeCertificate(folder, benchRequest.host)),
    both: join(folder, 'tls.pem'),
    clientConfig: join(folder, 'tls-client.cnf'),
  };
  const trusted = readFileSync(files.certificate, 'utf8');
  writeFileSync(files.both, trusted + readFileSync(files.privateKey, 'utf8'), { mode: 0o600 });
  writeFileSync(files.clientConfig, clientConfig);
  return { ...files, trusted };
}

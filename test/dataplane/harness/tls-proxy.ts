import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type CertificateFiles, makeCertificate } from '../../harness/certificate.ts';
import type { Owner } from '../../harness/owner.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { RawClient } from './raw-client.ts';
import { type StaticProxy, type StaticProxyOptions, staticProxy } from './static-proxy.ts';

export type TlsProxy = StaticProxy & {
  readonly files: CertificateFiles;
  /** Begins a handshake; the connection ends with its owner. */
  dial(t: Owner, options?: ConnectionOptions): TLSSocket;
  /** A caller whose handshake is done. */
  call(t: Owner, options?: ConnectionOptions): Promise<RawClient>;
};

/** A whole proxy whose outbound listener speaks TLS, with a certificate for `app`. */
export async function tlsProxy(
  t: Owner,
  { spec = {}, tls = {}, ...options }: StaticProxyOptions & { tls?: object } = {},
): Promise<TlsProxy> {
  const files = await makeCertificate(tempFolder(t), 'app');
  const listeners = [{ name: 'out', port: 0, direction: 'outbound', tls: { ...files, ...tls } }];
  const proxy = await staticProxy(t, { ...options, spec: { ...spec, listeners } });
  const dial = (t: Owner, options: ConnectionOptions = {}) => {
    const ca = readFileSync(files.certificate);
    const to = { port: proxy.port, host: '127.0.0.1', servername: 'app', ca, allowHalfOpen: true };
    const socket = connect({ ...to, ...options } as ConnectionOptions);
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    return socket;
  };
  const call = async (t: Owner, options: ConnectionOptions = {}) => {
    const socket = dial(t, options);
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  };
  return { ...proxy, files, dial, call };
}

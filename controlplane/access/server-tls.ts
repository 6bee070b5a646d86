import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server as NetServer, Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, Server, type TlsOptions } from 'node:tls';
import type { Log } from '../../observability/logging/log.ts';
import { FileWatch } from '../../shared/files/file-watch.ts';
import { messageOf } from '../message-of.ts';

/** Paths of PEM files. */
export type TlsFiles = {
  readonly certificate: string;
  readonly privateKey: string;
  /** Whose certificates of clients are trusted; without it none is asked for. */
  readonly clientCa?: string;
};

const handshakeTimeoutMs = 10_000;

/** What the control plane shows its callers: one certificate for both of its ports, read again when the files change. */
export class ServerTls {
  readonly #files: TlsFiles;
  readonly #log: Log;
  readonly #servers: Server[] = [];
  /** Connections that are not secure yet, by their two ends: what comes out of a handshake is another object. */
  readonly #handshakes = new Map<string, Socket>();
  #isStopping = false;
  #context: SecureContextOptions;
  #watch: FileWatch | null = null;
  /** The files cannot be used as they are now, and an older version is in force. */
  isStale = false;

  private constructor(files: TlsFiles, context: SecureContextOptions, log: Log) {
    this.#files = files;
    this.#context = context;
    this.#log = log;
  }

  /** Rejects with an error that names the flag and the file. */
  static async open(files: TlsFiles, log: Log, everyMs?: number): Promise<ServerTls> {
    let tls: ServerTls | null = null;
    const watch = await FileWatch.start(Object.values(files), () => tls?.reload(), everyMs);
    try {
      tls = new ServerTls(files, await readContext(files), log);
    } catch (error) {
      watch.stop();
      throw error;
    }
    tls.#watch = watch;
    return tls;
  }

  /**
   * Whoever shows no certificate may have a token, so the handshake lets everybody through; `presentedBy` then says
   * whether a certificate is trusted.
   */
  get options(): TlsOptions {
    return {
      ...this.#context,
      requestCert: this.#files.clientCa !== undefined,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
    };
  }

  /** Looks after a server of these options: gives it each new certificate, and ends handshakes that fail. */
  attach(server: NetServer): void {
    if (!(server instanceof Server)) return;
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      if (this.#isStopping) return void socket.destroy();
      const key = endsOf(socket);
      this.#handshakes.set(key, socket);
      socket.once('close', () => this.#handshakes.delete(key));
    });
    server.on('secureConnection', (socket) => this.#handshakes.delete(endsOf(socket)));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** A server that closes would wait for connections that have said nothing yet. */
  endHandshakes(): void {
    this.#isStopping = true;
    for (const socket of this.#handshakes.values()) socket.destroy();
  }

  async reload(): Promise<void> {
    try {
      this.#context = await readContext(this.#files);
      for (const server of this.#servers) server.setSecureContext(this.#context);
      this.isStale = false;
      this.#log.info('certificate renewed', { certificate: this.#files.certificate });
    } catch (error) {
      this.isStale = true;
      this.#log.warn('the new certificate cannot be used, the last one stays', { why: messageOf(error) });
    }
  }

  close(): void {
    this.#watch?.stop();
  }
}

function endsOf({ localPort, remoteAddress, remotePort }: Socket): string {
  return `${localPort} ${remoteAddress} ${remotePort}`;
}

async function readContext({ certificate, privateKey, clientCa }: TlsFiles): Promise<SecureContextOptions> {
  const [cert, key, ca] = await Promise.all([
    read('--tls-cert', certificate, (text) => new X509Certificate(text)),
    read('--tls-key', privateKey, createPrivateKey),
    clientCa === undefined ? null : read('--client-ca', clientCa, (text) => new X509Certificate(text)),
  ]);
  // OpenSSL takes the one for the other without a word, and fails with each handshake.
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error(`--tls-key ${privateKey} is not the key of ${certificate}`);
  const context: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca }) };
  createSecureContext(context);
  return context;
}

async function read(flag: string, path: string, check: (text: string) => unknown): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    check(text);
    return text;
  } catch (error) {
    throw new Error(`${flag} ${path} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

/** How one gets into a store that is a server: TLS and a login, as the flags `--store-...` give them. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { messageOf } from '../message-of.ts';

/** What the flags say, as it is. */
export type StoreFlags = {
  /** PEM files: whom we trust, and what we show. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly user?: string | undefined;
  readonly passwordFile?: string | undefined;
};

/** Null: what the system trusts, or no certificate to show. */
export type TlsFiles = {
  readonly ca: Buffer | null;
  readonly certificate: Buffer | null;
  readonly privateKey: Buffer | null;
};

export type StoreAccess = {
  readonly tls: TlsFiles | null;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
};

/** Reads the files and checks that they fit together. Throws an Error of one line that names the flag. */
export function readStoreAccess(flags: StoreFlags, isSecure: boolean): StoreAccess {
  const { ca, cert, key, user, passwordFile } = flags;
  if (!isSecure && ca === undefined && (cert ?? key) !== undefined)
    throw new Error(
      `--store-${cert === undefined ? 'key' : 'cert'} is for TLS; write etcds:// in the store, or give --store-ca`,
    );
  needBoth('cert', cert, 'key', key);
  needBoth('user', user, 'password-file', passwordFile);
  if (passwordFile !== undefined) read('password-file', passwordFile);
  return { tls: isSecure || ca !== undefined ? readTls(ca, cert, key) : null, user, passwordFile };
}

/** Throws for a store that needs none of this. */
export function refuseStoreFlags(flags: StoreFlags, store: string): void {
  const names = { ca: 'ca', cert: 'cert', key: 'key', user: 'user', passwordFile: 'password-file' } as const;
  for (const [field, name] of Object.entries(names))
    if (flags[field as keyof StoreFlags] !== undefined)
      throw new Error(`--store-${name} is for etcd only; the store is ${store}`);
}

function needBoth(one: string, ofOne: string | undefined, other: string, ofOther: string | undefined): void {
  if (ofOne !== undefined && ofOther === undefined) throw new Error(`--store-${one} needs --store-${other}`);
  if (ofOne === undefined && ofOther !== undefined) throw new Error(`--store-${other} needs --store-${one}`);
}

function readTls(ca: string | undefined, cert: string | undefined, key: string | undefined): TlsFiles {
  const tls = { ca: readPem('ca', ca), certificate: readPem('cert', cert), privateKey: readPem('key', key) };
  check(`--store-ca ${ca}`, { ca: tls.ca ?? undefined });
  check(`--store-cert ${cert} and --store-key ${key}`, {
    cert: tls.certificate ?? undefined,
    key: tls.privateKey ?? undefined,
  });
  return tls;
}

function check(what: string, files: Parameters<typeof createSecureContext>[0]): void {
  try {
    createSecureContext(files);
  } catch (error) {
    throw new Error(`${what} cannot be used: ${messageOf(error)}`);
  }
}

/** Node takes a file without a certificate for one that trusts nobody. */
function readPem(flag: string, file: string | undefined): Buffer | null {
  if (file === undefined) return null;
  const content = read(flag, file);
  if (!content.includes('-----BEGIN ')) throw new Error(`--store-${flag} must be a PEM file; ${file} is none`);
  return content;
}

function read(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`--store-${flag}: ${file} cannot be read (${messageOf(error)})`);
  }
}

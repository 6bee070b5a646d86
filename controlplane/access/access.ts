import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Log } from '../../observability/logging/log.ts';
import { formatIssues } from '../../shared/errors/problem.ts';
import { FileWatch } from '../../shared/files/file-watch.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Peer } from '../../shared/transport/peer.ts';
import { messageOf } from '../message-of.ts';
import { type AccessRules, readAccessRules } from './access-file.ts';
import { serviceOf } from './certificate-identity.ts';
import type { Grant } from './grant.ts';
import { GuessLimit } from './guess-limit.ts';
import { Pattern } from './pattern.ts';
import { presentedBy } from './presented-certificate.ts';

/** Somebody who has proved who it is. */
export type Caller = {
  /** The name of its token, its SPIFFE ID or its common name. */
  readonly name: string;
  readonly how: 'token' | 'certificate';
  /** Null: known, but the access file gives it nothing. */
  readonly grant: Grant | null;
};

/** Why somebody is nobody to us. */
export type Denial = {
  readonly detail: string;
  /** A credential was shown, and was wrong. */
  readonly isWrong: boolean;
  /** How long tokens from there are not looked at; 0 when that is not why. */
  readonly waitMs: number;
};

const lookEveryMs = 2_000;
const longestToken = 4_096;

/** Knows who may do what, by an access file that is read again when it changes. */
export class Access {
  readonly #file: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #guesses: GuessLimit;
  readonly #listeners = new Set<() => void>();
  #rules: AccessRules;
  #watch: FileWatch | null = null;
  /** The file cannot be used as it is now, and an older version is in force. */
  isStale = false;

  private constructor(file: string, rules: AccessRules, log: Log, clock: Clock) {
    this.#file = file;
    this.#rules = rules;
    this.#log = log;
    this.#clock = clock;
    this.#guesses = new GuessLimit(clock);
  }

  /** Rejects with every fault of the file. */
  static async open(file: string, log: Log, clock: Clock, everyMs = lookEveryMs): Promise<Access> {
    let access: Access | null = null;
    const watch = await FileWatch.start([file], () => access?.reload(), everyMs);
    try {
      access = new Access(file, await readAccessFile(file), log, clock);
    } catch (error) {
      watch.stop();
      throw error;
    }
    access.#watch = watch;
    return access;
  }

  /** Calls back each time when the rules have changed; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async reload(): Promise<void> {
    try {
      this.#rules = await readAccessFile(this.#file);
      this.isStale = false;
      this.#log.info('the access file was read again', { file: this.#file });
    } catch (error) {
      this.isStale = true;
      this.#log.warn('the new access file cannot be used, the last one stays in force', { why: messageOf(error) });
      return;
    }
    for (const listener of this.#listeners) listener();
  }

  /** Who sends this, with the value of its Authorization field. A token stands above the certificate of its connection. */
  authenticate(authorization: string | undefined, peer: Peer): Caller | Denial {
    if (authorization === undefined) return this.identify(undefined, peer);
    const { host } = peer;
    const waitMs = this.#guesses.waitMs(host);
    const hash = hashOf(authorization);
    if (waitMs > 0 && !this.#guesses.isKnown(host, hash)) {
      const detail = `too many wrong tokens came from ${host}; try again in ${Math.ceil(waitMs / 1000)} s`;
      return { detail, isWrong: false, waitMs };
    }
    const found = this.identify(authorization, peer);
    if ('grant' in found) this.#guesses.right(host, hash);
    else if (found.isWrong) this.#guesses.wrong(host);
    return found;
  }

  /** The same without an eye on guesses, for who has been let in already. */
  identify(authorization: string | undefined, peer: Peer): Caller | Denial {
    return authorization === undefined ? this.#byCertificate(peer) : this.#byToken(authorization);
  }

  close(): void {
    this.#watch?.stop();
  }

  #byToken(authorization: string): Caller | Denial {
    const [, token] = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization) ?? [];
    if (token === undefined || token.length > longestToken)
      return { detail: 'Authorization must be "Bearer TOKEN"', isWrong: false, waitMs: 0 };
    const hash = createHash('sha256').update(token).digest();
    let found: AccessRules['tokens'][number] | null = null;
    // All of them, so that the time tells nothing of where or how nearly one fits.
    for (const entry of this.#rules.tokens) if (timingSafeEqual(entry.sha256, hash)) found = entry;
    if (!found) return { detail: 'the token is not known here, or no longer', isWrong: true, waitMs: 0 };
    return { name: found.name, how: 'token', grant: found.grant };
  }

  #byCertificate(peer: Peer): Caller | Denial {
    const presented = presentedBy(peer, this.#clock.wallMs());
    if ('fault' in presented) return { detail: presented.fault, isWrong: false, waitMs: 0 };
    const { identity } = presented;
    const grant = this.#rules.identities.find(({ pattern }) => pattern.matches(identity))?.grant ?? null;
    return { name: identity, how: 'certificate', grant: grant && withOwnService(grant, identity) };
  }
}

/** A workload is the service that its identity names, unless its entry names others. */
function withOwnService(grant: Grant, identity: string): Grant {
  if (grant.role !== 'workload' || grant.services.length > 0) return grant;
  const service = serviceOf(identity);
  return { ...grant, services: service === null ? [] : [new Pattern(service)] };
}

/** Throws an Error that lists every fault of the file. */
export async function readAccessFile(file: string): Promise<AccessRules> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`the access file cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const read = readAccessRules(text);
  if (read.ok) return read.value;
  throw new Error(`${file} does not say who may do what:\n${formatIssues(read.issues)}`);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/**
 * Writes audit lines one after the other, beside the requests they tell of: a disk that is slow or full never holds up
 * the API. What it does not take waits in memory up to a bound; what is above that is lost, counted, and told in a line
 * of its own as soon as one can be written again.
 */
import { write } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Log } from '../../observability/logging/log.ts';
import { messageOf } from '../message-of.ts';
import { type AuditEntry, entryOfRequest, itself } from './audit-entry.ts';

export const mostWaiting = 10_000;
/** Characters of these lines. */
const mostWaitingLength = 16 * 1024 * 1024;
const mostAtOnce = 1_000;
const retryMs = 1_000;
const lookEveryMs = 1_000;
const closeMs = 2_000;

const writeTo = promisify(write);

export class AuditLog {
  /** A path, or `-` for stdout. */
  readonly #path: string;
  readonly #log: Log;
  readonly #waiting: string[] = [];
  #waitingLength = 0;
  #file: { readonly handle: FileHandle; readonly ino: number } | null = null;
  /** What is being written. */
  #rest: Buffer | null = null;
  /** A part of it is in the file, as when the disk was full in the middle. */
  #isTorn = false;
  #work: Promise<void> | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;
  #untold = 0;
  readonly #closing = new AbortController();
  /** Lines that found no room, since the start. */
  lost = 0;

  private constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Rejects with an error that names the flag when the file cannot be opened. */
  static async open(path: string, log: Log): Promise<AuditLog> {
    const audit = new AuditLog(path, log);
    try {
      if (path !== '-') await audit.#open();
    } catch (error) {
      throw new Error(`--audit-log ${path} cannot be opened: ${messageOf(error)}`, { cause: error });
    }
    return audit;
  }

  write(entry: AuditEntry): void {
    const line = `${JSON.stringify(entry)}\n`;
    if (this.#waiting.length >= mostWaiting || this.#waitingLength + line.length > mostWaitingLength) {
      this.lost++;
      this.#untold++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    this.#work ??= this.#run();
  }

  /** Goes on in the file that now has the name; the next line looks for itself as well. */
  reopen(): void {
    this.#lookedMs = Number.NEGATIVE_INFINITY;
  }

  /** Writes what waits, for 2 s at most. */
  async close(): Promise<void> {
    const cut = setTimeout(() => this.#closing.abort(), closeMs);
    await this.#work;
    clearTimeout(cut);
    await this.#file?.handle.close();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 || this.#rest !== null) {
      this.#rest ??= this.#next();
      try {
        await this.#writeRest();
        if (this.#isFailing) this.#log.info('the audit log can be written again', { file: this.#path });
        this.#isFailing = false;
        this.#tellLost();
      } catch (error) {
        if (!this.#isFailing)
          this.#log.warn('the audit log cannot be written, its lines wait', {
            file: this.#path,
            why: messageOf(error),
          });
        this.#isFailing = true;
        await wait(retryMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
        if (this.#closing.signal.aborted) return;
      }
    }
    // In the same turn as the look at what waits: whoever writes next starts anew.
    this.#work = null;
  }

  #next(): Buffer {
    const text = this.#waiting.splice(0, mostAtOnce).join('');
    this.#waitingLength -= text.length;
    return Buffer.from(text);
  }

  async #writeRest(): Promise<void> {
    if (this.#path !== '-' && !this.#isTorn) await this.#followName();
    while (this.#rest !== null) {
      const bytesWritten = await this.#writeSome(this.#rest);
      this.#isTorn = bytesWritten < this.#rest.length;
      this.#rest = this.#isTorn ? this.#rest.subarray(bytesWritten) : null;
    }
  }

  /** To stdout on a thread of its own as well: a stream of Node would stop the process while nobody reads a pipe. */
  async #writeSome(bytes: Buffer): Promise<number> {
    const written = this.#file ? await this.#file.handle.write(bytes) : await writeTo(process.stdout.fd, bytes);
    return written.bytesWritten;
  }

  /** A file that was renamed or removed, as by logrotate, is left for a new one of its name; a line is never torn. */
  async #followName(): Promise<void> {
    const nowMs = performance.now();
    if (this.#file && nowMs - this.#lookedMs < lookEveryMs) return;
    this.#lookedMs = nowMs;
    const ino = await stat(this.#path).then(
      (found) => found.ino,
      () => null,
    );
    if (ino !== this.#file?.ino) await this.#open();
  }

  async #open(): Promise<void> {
    const handle = await open(this.#path, 'a', 0o600);
    const { ino } = await handle.stat();
    await this.#file?.handle.close();
    this.#file = { handle, ino };
  }

  #tellLost(): void {
    if (this.#untold === 0) return;
    const reason = `${this.#untold} lines are missing here, because the log could not be written`;
    this.#untold = 0;
    this.write(entryOfRequest(new Date(), { ...itself, action: 'audit' }, [], 'lost', reason));
  }
}

// The process behind `loadOpenly`: sends requests at times that were fixed beforehand, whatever becomes of the replies.
// Its event loop never sleeps (an immediate is always waiting), so it sends within microseconds and needs a CPU of its
// own. Everything it counts in is allocated before the first request.
import { connect, type Socket } from 'node:net';
import type { OpenLoad, OpenReport } from './open-load.ts';
import { intendedTimes, quantile } from './open-schedule.ts';

const load = JSON.parse(process.argv[2]!) as OpenLoad;
const request = Buffer.from(`GET ${load.path} HTTP/1.1\r\nHost: ${load.host}\r\n\r\n`, 'latin1');
const total = Math.round(load.perSecond * load.seconds);
const unmeasured = Math.round(load.perSecond * load.warmupSeconds);
const intendedMs = intendedTimes(total, load.perSecond, load.seed);
const latencyUs = new Float64Array(total).fill(Number.NaN);
const lateUs = new Float64Array(total).fill(Number.NaN);
const slab = Buffer.allocUnsafeSlow(262_144);
const headEnd = Buffer.from('\r\n\r\n', 'latin1');

let startMs = 0;
let sent = 0;
let ended = 0;
let errors = 0;
let isOver = false;
/** Requests up to this one found no free connection when they were due: that is the server's doing, not ours. */
let starvedUntil = 0;
let starved = 0;

/** Connections without a request, first in, first out: each gets its turn, as if many callers each held a few. */
const idle = new Array<Connection | null>(load.connections).fill(null);
let idleFrom = 0;
let idleCount = 0;

function rest(connection: Connection): void {
  idle[(idleFrom + idleCount++) % idle.length] = connection;
}

class Connection {
  readonly #socket: Socket;
  #request = -1;
  /** Bytes of the reply's body yet to come; -1 while its head is awaited. */
  #left = -1;
  #isGone = false;

  constructor(onOpen: () => void) {
    this.#socket = connect({
      host: '127.0.0.1',
      port: load.port,
      noDelay: true,
      onread: { buffer: slab, callback: (size) => this.#onRead(size) },
    });
    this.#socket.once('connect', onOpen);
    this.#socket.once('error', () => undefined); // 'close' follows
    this.#socket.once('close', () => this.#onClose());
  }

  /** False when the connection has gone and the request has to take another. */
  send(index: number): boolean {
    if (this.#isGone) return false;
    this.#request = index;
    if (index < starvedUntil) starved++;
    else lateUs[index] = (performance.now() - startMs - intendedMs[index]!) * 1000;
    this.#socket.write(request);
    return true;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onRead(size: number): boolean {
    let from = 0;
    if (this.#left === -1) {
      const end = slab.subarray(0, size).indexOf(headEnd);
      const head = end === -1 ? '' : slab.toString('latin1', 0, end);
      const length = lengthOf(head);
      if (this.#request === -1 || length === null || !head.startsWith('HTTP/1.1 200 ')) {
        this.destroy();
        return false;
      }
      this.#left = length;
      from = end + 4;
    }
    this.#left -= size - from;
    if (this.#left < 0) this.destroy();
    if (this.#left === 0) this.#onReply();
    return true;
  }

  #onReply(): void {
    latencyUs[this.#request] = (performance.now() - startMs - intendedMs[this.#request]!) * 1000;
    this.#request = -1;
    this.#left = -1;
    ended++;
    rest(this);
  }

  #onClose(): void {
    this.#isGone = true;
    if (isOver) return;
    if (this.#request !== -1) {
      errors++;
      ended++;
    }
    if (++failuresInARow > mostFailuresInARow) finish();
    else open(); // one that closed while it was idle costs nothing but this
  }
}

/** The replies of a bench are all alike, so the head that was read last mostly tells the length of the next. */
let lastHead = '';
let lastLength: number | null = null;

function lengthOf(head: string): number | null {
  if (head === lastHead) return lastLength;
  const digits = /\r\ncontent-length: *(\d+)(?:\r\n|$)/i.exec(head)?.[1];
  lastHead = head;
  lastLength = digits === undefined ? null : Number(digits);
  return lastLength;
}

let opened = 0;
/** Connections that closed since one last opened. */
let failuresInARow = 0;
const mostFailuresInARow = 1000;

function open(): void {
  const connection = new Connection(() => {
    failuresInARow = 0;
    rest(connection);
    if (++opened === load.connections) {
      startMs = performance.now();
      setImmediate(turn);
    }
  });
}

function turn(): void {
  const nowMs = performance.now();
  const dueMs = nowMs - startMs;
  while (sent < total && idleCount > 0 && intendedMs[sent]! <= dueMs) {
    const connection = idle[idleFrom]!;
    idleFrom = (idleFrom + 1) % idle.length;
    idleCount--;
    if (connection.send(sent)) sent++;
  }
  if (idleCount === 0) while (starvedUntil < total && intendedMs[starvedUntil]! <= dueMs) starvedUntil++;
  // Replies that take longer than this beyond the end are counted as lost.
  if (ended === total || dueMs > load.seconds * 1000 + 5000) finish();
  else setImmediate(turn);
}

function finish(): void {
  isOver = true;
  const measured = latencyUs.subarray(unmeasured).filter((value) => !Number.isNaN(value));
  const late = lateUs.subarray(unmeasured).filter((value) => !Number.isNaN(value));
  measured.sort();
  late.sort();
  const report: OpenReport = {
    answered: ended - errors,
    starved,
    errors: errors + (total - ended),
    measured: measured.length,
    minUs: quantile(measured, 0),
    p10Us: quantile(measured, 0.1),
    p50Us: quantile(measured, 0.5),
    p90Us: quantile(measured, 0.9),
    p99Us: quantile(measured, 0.99),
    p999Us: quantile(measured, 0.999),
    maxUs: quantile(measured, 1),
    lateP50Us: quantile(late, 0.5),
    lateP99Us: quantile(late, 0.99),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}

for (let i = 0; i < load.connections; i++) open();

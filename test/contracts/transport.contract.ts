import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Test } from 'tap';
import type { Transport, TransportOwner } from '../../shared/transport/transport.ts';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';

/** A transport that is not started, and who is at the other end. */
export type TransportPair = {
  readonly transport: Transport;
  /** Reads and writes what travels, in the clear or under TLS. Paused. */
  readonly peer: Duplex;
  /** Ends the connection with a RST. */
  breakPeer(): void;
};

/** `early` is what the peer sends together with the last of its handshake, if there is one. */
export type MakePair = (t: Owner, early?: Buffer) => Promise<TransportPair>;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const nothing = () => undefined;
const seed = 7919;

/** Bytes that tell their place, so that one lost, doubled or exchanged is seen. */
export function bytesAt(from: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let i = 0; i < size; i++) bytes[i] = Math.imul(from + i, seed) >>> 8;
  return bytes;
}

/** An owner that keeps what it is told. */
export class Recorder implements TransportOwner {
  readonly bufferBytes = 65_536;
  readonly events: string[] = [];
  readonly reads: Buffer[] = [];
  readonly sizes: number[] = [];
  takes = (): boolean => true;
  ends: () => void = nothing;
  drains: () => void = nothing;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get received(): Buffer {
    return Buffer.concat(this.reads);
  }

  get receivedBytes(): number {
    return this.sizes.reduce((sum, size) => sum + size, 0);
  }

  onRead(size: number): boolean {
    this.events.push('read');
    this.sizes.push(size);
    this.reads.push(Buffer.from(this.#transport.memory.subarray(0, size)));
    return this.takes();
  }

  onEnd(): void {
    this.events.push('end');
    this.ends();
  }

  onDrain(): void {
    this.events.push('drain');
    this.drains();
  }

  onClosed(): void {
    this.events.push('closed');
  }

  count(event: string): number {
    return this.events.filter((one) => one === event).length;
  }
}

/** What a peer got, and how it ended. */
export class PeerRecord {
  readonly #pieces: Buffer[] = [];
  size = 0;
  hasEnded = false;
  isClosed = false;
  errorCode = '';

  constructor(peer: Duplex) {
    peer.on('data', (chunk: Buffer) => {
      this.#pieces.push(chunk);
      this.size += chunk.length;
    });
    peer.on('end', () => {
      this.hasEnded = true;
    });
    peer.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode ||= error.code ?? error.message;
    });
    peer.on('close', () => {
      this.isClosed = true;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** Writes until the transport says that it is blocked; returns the number of bytes. */
function fill(transport: Transport): number {
  let size = 0;
  for (; !transport.isBlocked; size += 100_000) transport.write(bytesAt(size, 100_000));
  return size;
}

const isRight = (bytes: Buffer, size: number) => bytes.length === size && bytes.equals(bytesAt(0, size));

/** What every transport promises, whatever carries it. */
export function transportContract(t: Test, name: string, make: MakePair): void {
  readingFacts(t, name, make);
  writingFacts(t, name, make);
  endingFacts(t, name, make);
  breakingFacts(t, name, make);
}

function readingFacts(t: Test, name: string, make: MakePair): void {
  t.test(`${name}: reads land in the slab, each with its size`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    transport.start(owner);
    for (const text of ['one', 'two and more']) {
      const before = owner.receivedBytes;
      peer.write(text);
      await until(() => owner.receivedBytes === before + text.length);
    }
    t.equal(owner.received.toString(), 'onetwo and more');
    t.ok(owner.sizes.every((size) => size > 0));
  });

  t.test(`${name}: nothing is told before the start, and nothing is lost by then`, async (t) => {
    const { transport, peer } = await make(t, bytesAt(0, 1000));
    peer.write(bytesAt(1000, 1000));
    await turns(50);
    const owner = new Recorder(transport);
    transport.start(owner);
    t.same(owner.events, [], 'start does not call back');
    await until(() => owner.receivedBytes === 2000);
    t.ok(isRight(owner.received, 2000));
  });

  t.test(`${name}: who returns false is given no more until resume`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const size = 1_000_000;
    let isPaused = false;
    let early = 0;
    owner.takes = () => {
      if (isPaused) early++;
      isPaused = true;
      setImmediate(() =>
        setImmediate(() => {
          isPaused = false;
          transport.resume();
        }),
      );
      return false;
    };
    transport.start(owner);
    peer.end(bytesAt(0, size));
    await until(() => owner.count('end') === 1);
    t.ok(isRight(owner.received, size));
    t.equal(early, 0);
    t.equal(owner.events.at(-1), 'end', 'the end comes after all of it');
  });

  t.test(`${name}: pause and resume as often as one likes, also in a read, lose nothing`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const size = 1_000_000;
    owner.takes = () => {
      transport.pause();
      transport.pause();
      transport.resume();
      if (owner.reads.length % 3 === 0) return true;
      transport.pause();
      setImmediate(() => {
        transport.resume();
        transport.pause();
        transport.resume();
      });
      return true;
    };
    transport.start(owner);
    peer.end(bytesAt(0, size));
    await until(() => owner.count('end') === 1);
    t.ok(isRight(owner.received, size));
  });

  t.test(`${name}: a pause in a read holds, whatever the read returns and however long it takes`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const size = 1_000_000;
    owner.takes = () => {
      transport.pause();
      for (const until = performance.now() + 1; performance.now() < until; );
      return true;
    };
    peer.end(bytesAt(0, size));
    transport.start(owner);
    await until(() => owner.reads.length > 0);
    for (let i = 0; i < 20; i++) await turn();
    t.equal(owner.reads.length, 1);
    owner.takes = () => true;
    transport.resume();
    await until(() => owner.count('end') === 1);
    t.ok(isRight(owner.received, size));
  });

  t.test(`${name}: an end that came during a pause is told after the resume`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    owner.takes = () => false;
    transport.start(owner);
    peer.end('last');
    await until(() => owner.reads.length === 1);
    await turns(20);
    t.same(owner.events, ['read']);
    transport.resume();
    await until(() => owner.count('end') === 1);
    t.same(owner.events, ['read', 'end']);
  });
}

function writingFacts(t: Test, name: string, make: MakePair): void {
  t.test(
    `${name}: megabytes in both directions arrive as they were, past slow readers and a reused memory`,
    async (t) => {
      const { transport, peer } = await make(t);
      const size = 6_000_000;
      const owner = new Recorder(transport);
      owner.takes = () => {
        if (owner.reads.length % 4 > 0) return true;
        setImmediate(() => transport.resume());
        return false;
      };
      const got = new PeerRecord(peer);
      peer.on('data', () => {
        peer.pause();
        setImmediate(() => peer.resume());
      });
      let sent = 0;
      let memory = Buffer.allocUnsafeSlow(50_000);
      const send = () => {
        for (let i = 0; i < 5 && sent < size && !transport.isBlocked; i++) {
          const next = memory.subarray(0, Math.min(1 + ((sent * 31) % memory.length), size - sent));
          bytesAt(sent, next.length).copy(next);
          sent += next.length;
          // Whoever says that the memory is free must not look at it again.
          if (transport.write(next)) memory.fill(0xee);
          else memory = Buffer.allocUnsafeSlow(memory.length);
        }
        if (sent === size) transport.end(nothing);
        else if (!transport.isBlocked) setImmediate(send);
      };
      owner.drains = send;
      transport.start(owner);
      peer.resume();
      send();
      for (let from = 0; from < size; from += 100_000) peer.write(bytesAt(from, 100_000));
      peer.end();
      for (let i = 0; i < 5; i++) {
        await turns(20);
        collectGarbage();
      }
      await until(() => owner.count('closed') === 1 && got.hasEnded, { timeoutMs: 20_000 });
      t.ok(isRight(owner.received, size), 'to us');
      t.ok(isRight(got.bytes, size), 'to the peer');
      t.equal(transport.unsentBytes, 0);
    },
  );

  t.test(`${name}: what is written in one turn keeps its order, empty or not`, async (t) => {
    const { transport, peer } = await make(t);
    transport.start(new Recorder(transport));
    const got = new PeerRecord(peer);
    peer.resume();
    let size = 0;
    for (const next of [0, 0, 1, 0, 70_000, 3, 0, 16_384, 16_385, 200_000, 2, 0]) {
      transport.write(bytesAt(size, next));
      size += next;
    }
    await until(() => got.size >= size && transport.unsentBytes === 0);
    transport.write(Buffer.alloc(0));
    transport.write(Buffer.alloc(0));
    transport.write(bytesAt(size, 10));
    await until(() => got.size >= size + 10);
    t.ok(isRight(got.bytes, size + 10));
  });

  t.test(`${name}: what is lent arrives as it was when it may change as soon as nothing is blocked`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const got = new PeerRecord(peer);
    const size = 5_000_000;
    const memory = Buffer.allocUnsafeSlow(65_536);
    let sent = 0;
    const send = () => {
      while (sent < size && !transport.isBlocked) {
        const next = memory.subarray(0, Math.min(memory.length, size - sent));
        bytesAt(sent, next.length).copy(next);
        sent += next.length;
        transport.lend(next);
      }
    };
    owner.drains = send;
    transport.start(owner);
    send();
    await turns(20);
    peer.resume();
    await until(() => got.size === size);
    t.ok(isRight(got.bytes, size));
  });

  t.test(`${name}: bytes that are lent on from memory of its own are not read over during a pause`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const lent: { view: Buffer; copy: Buffer }[] = [];
    let changed = 0;
    owner.takes = () => {
      for (const { view, copy } of lent.splice(0)) if (!view.equals(copy)) changed++;
      transport.takeMemory();
      return true;
    };
    transport.start(owner);
    peer.write(bytesAt(0, 200_000));
    await until(() => owner.receivedBytes === 200_000);
    owner.takes = () => {
      if (transport.hasOwnMemory) {
        const view = transport.memory.subarray(0, owner.sizes.at(-1));
        lent.push({ view, copy: Buffer.from(view) });
      }
      setImmediate(() => {
        for (const { view, copy } of lent.splice(0)) if (!view.equals(copy)) changed++;
        transport.resume();
      });
      return false;
    };
    peer.end(bytesAt(200_000, 1_000_000));
    await until(() => owner.count('end') === 1);
    t.equal(changed, 0);
    t.ok(isRight(owner.received, 1_200_000));
  });

  t.test(`${name}: a peer that does not read blocks, and one that reads again drains, once`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const got = new PeerRecord(peer);
    peer.pause();
    transport.start(owner);
    const size = fill(transport);
    await turns(20);
    let more = 0;
    // The kernel may take the first of it.
    for (; more < 100 && !transport.isBlocked; more++) transport.write(bytesAt(size + more * 1_000_000, 1_000_000));
    const all = size + more * 1_000_000;
    const drained = owner.count('drain');
    t.ok(transport.isBlocked);
    t.ok(transport.unsentBytes >= owner.bufferBytes, `${transport.unsentBytes}`);
    peer.resume();
    await until(() => got.size === all && !transport.isBlocked);
    t.ok(isRight(got.bytes, all));
    t.equal(transport.unsentBytes, 0);
    t.equal(owner.count('drain'), drained + 1);
  });

  t.test(`${name}: nobody is told of a drain who was not blocked`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const got = new PeerRecord(peer);
    transport.start(owner);
    peer.resume();
    for (let i = 0; i < 20; i++) {
      transport.write(bytesAt(i * 1000, 1000));
      t.notOk(transport.isBlocked);
      await until(() => got.size === (i + 1) * 1000);
    }
    await until(() => transport.unsentBytes === 0);
    t.equal(owner.count('drain'), 0);
  });
}

function endingFacts(t: Test, name: string, make: MakePair): void {
  t.test(`${name}: the end comes behind all that was written, and then onSent`, async (t) => {
    const { transport, peer } = await make(t);
    const got = new PeerRecord(peer);
    peer.pause();
    transport.start(new Recorder(transport));
    const size = 12_000_000;
    transport.write(bytesAt(0, size));
    let sent = 0;
    transport.end(() => sent++);
    t.ok(transport.hasEnded);
    t.equal(sent, 0, 'end does not call back');
    await turns(50);
    t.equal(sent, 0, 'it has not left yet');
    t.ok(transport.write(Buffer.from('too late')), 'a write after the end is nothing');
    peer.resume();
    await until(() => got.hasEnded && sent === 1);
    t.ok(isRight(got.bytes, size));
    t.equal(got.errorCode, '');
  });

  t.test(`${name}: of two ends the last onSent counts, also when all has left`, async (t) => {
    const { transport, peer } = await make(t);
    const got = new PeerRecord(peer);
    peer.resume();
    transport.start(new Recorder(transport));
    transport.write(bytesAt(0, 100));
    const called: string[] = [];
    transport.end(() => called.push('first'));
    transport.end(() => called.push('second'));
    await until(() => got.hasEnded && called.length > 0);
    await turns(10);
    t.same(called, ['second']);
    transport.end(() => called.push('third'));
    t.same(called, ['second'], 'never at once');
    await until(() => called.length === 2);
    t.same(called, ['second', 'third']);
  });

  t.test(`${name}: an end right at the start is an end in order`, async (t) => {
    const { transport, peer } = await make(t);
    const got = new PeerRecord(peer);
    peer.resume();
    transport.start(new Recorder(transport));
    transport.end(nothing);
    await until(() => got.hasEnded || got.isClosed);
    t.ok(got.hasEnded);
    t.equal(got.errorCode, '');
  });

  t.test(`${name}: whoever has heard the end may still answer, and then it is closed, once`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const got = new PeerRecord(peer);
    peer.resume();
    transport.start(owner);
    peer.end('question');
    await until(() => owner.count('end') === 1);
    await turns(10);
    t.equal(owner.received.toString(), 'question');
    transport.write(bytesAt(0, 300_000));
    transport.resume(); // nothing more can come
    transport.end(nothing);
    await until(() => got.hasEnded && owner.count('closed') === 1);
    await turns(10);
    t.ok(isRight(got.bytes, 300_000));
    t.equal(owner.count('end'), 1);
    t.equal(owner.count('closed'), 1);
  });

  t.test(`${name}: whoever has ended still reads, until the peer ends, too`, async (t) => {
    const { transport, peer } = await make(t);
    const owner = new Recorder(transport);
    const got = new PeerRecord(peer);
    peer.resume();
    transport.start(owner);
    transport.end(nothing);
    await until(() => got.hasEnded);
    t.equal(owner.count('closed'), 0);
    peer.end(bytesAt(0, 300_000));
    await until(() => owner.count('closed') === 1);
    await turns(10);
    t.ok(isRight(owner.received, 300_000));
    t.same(
      owner.events.filter((event) => event !== 'read'),
      ['end', 'closed'],
    );
  });
}

function breakingFacts(t: Test, name: string, make: MakePair): void {
  for (const isWriting of [false, true])
    t.test(`${name}: a reset of the peer${isWriting ? ' while it is written to' : ''} closes, once`, async (t) => {
      const { transport, peer, breakPeer } = await make(t);
      const owner = new Recorder(transport);
      peer.on('error', nothing);
      transport.start(owner);
      if (isWriting) transport.write(bytesAt(0, 12_000_000));
      breakPeer();
      await until(() => owner.count('closed') === 1);
      t.ok(transport.write(Buffer.from('more')));
      await turns(20);
      t.equal(owner.count('closed'), 1);
    });

  for (const how of ['destroy', 'reset'] as const) {
    for (const where of ['read', 'end', 'drain'] as const)
      t.test(`${name}: ${how} within the callback for ${where}, twice, is the last that the owner hears`, async (t) => {
        const { transport, peer } = await make(t);
        const owner = new Recorder(transport);
        const got = new PeerRecord(peer);
        const leave = () => {
          owner.events.push('leave');
          transport[how]();
          transport[how]();
          return true;
        };
        if (where === 'read') owner.takes = leave;
        if (where === 'end') owner.ends = leave;
        if (where === 'drain') owner.drains = leave;
        transport.start(owner);
        if (where === 'drain') fill(transport);
        else peer.write(bytesAt(0, where === 'read' ? 500_000 : 5));
        if (where === 'end') peer.end();
        peer.resume();
        await until(() => owner.count('leave') === 1 && (got.isClosed || got.hasEnded));
        await turns(20);
        t.same(owner.events.slice(owner.events.indexOf('leave')), ['leave']);
      });

    t.test(`${name}: after ${how} everything is harmless`, async (t) => {
      const { transport, peer } = await make(t);
      const owner = new Recorder(transport);
      new PeerRecord(peer);
      transport.start(owner);
      transport.write(bytesAt(0, 5_000_000));
      transport[how]();
      for (const other of ['destroy', 'reset', 'pause', 'resume'] as const) transport[other]();
      t.ok(transport.write(Buffer.from('late')));
      let sent = 0;
      transport.end(() => sent++);
      await turns(50);
      t.same(owner.events, []);
      t.equal(sent, 0);
    });
  }

  t.test(`${name}: the peer of a reset hears of a reset, not of an end`, async (t) => {
    const { transport, peer } = await make(t);
    const got = new PeerRecord(peer);
    peer.resume();
    transport.start(new Recorder(transport));
    transport.write(bytesAt(0, 1000));
    await until(() => got.size === 1000);
    transport.reset();
    await until(() => got.isClosed);
    t.notOk(got.hasEnded);
    t.equal(got.errorCode, 'ECONNRESET');
  });

  t.test(`${name}: a reset takes back an end whose bytes have not left`, async (t) => {
    const { transport, peer } = await make(t);
    const got = new PeerRecord(peer);
    peer.pause();
    transport.start(new Recorder(transport));
    transport.write(bytesAt(0, 12_000_000));
    transport.end(nothing);
    await turns(20);
    t.ok(transport.unsentBytes > 0);
    transport.reset();
    peer.resume();
    await until(() => got.isClosed || got.hasEnded);
    t.notOk(got.hasEnded, 'what was cut does not look whole');
    t.ok(got.size < 12_000_000);
  });

  t.test(`${name}: what is closed leaves no handle behind`, async (t) => {
    const handles = () => process.getActiveResourcesInfo().filter((one) => /TCP|TLS|Write|Shutdown/.test(one)).length;
    const closers: readonly ((pair: TransportPair, owner: Recorder) => void)[] = [
      ({ transport }) => transport.destroy(),
      ({ transport }) => transport.reset(),
      ({ breakPeer }) => breakPeer(),
      ({ transport, peer }) => {
        transport.end(nothing);
        peer.end();
      },
      ({ transport }) => {
        transport.write(bytesAt(0, 5_000_000));
        transport.end(nothing);
        transport.destroy();
      },
    ];
    const ends: (() => unknown)[] = [];
    const before = handles();
    for (const close of closers) {
      const pair = await make({ teardown: (end) => ends.push(end) });
      const owner = new Recorder(pair.transport);
      new PeerRecord(pair.peer);
      pair.peer.resume().on('end', () => pair.peer.end());
      pair.transport.start(owner);
      const gone = new Promise((resolve) => pair.peer.once('close', resolve));
      close(pair, owner);
      await gone;
    }
    for (const end of ends) end();
    await until(() => handles() <= before);
    t.ok(handles() <= before);
  });
}

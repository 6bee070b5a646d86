import { Setting } from '../../../harness/http2/frame.ts';
import {
  continuationFrame,
  dataFrame,
  headersFrame,
  headersFrames,
  settingsFrame,
} from '../../../harness/http2/frame-writer.ts';
import { indexed, literal, literalOf, tableSize } from '../../../harness/http2/hpack/encode.ts';
import type { Field } from '../../../harness/http2/hpack/field.ts';
import type { Flood } from '../flood.ts';
import { getBlock, postBlock, repeated, streams } from './blocks.ts';

/** Header blocks that never end, or are far more than what was sent of them. */

const endStream = { endStream: true };
/** Index of the newest entry of the dynamic table. */
const newest = 62;
const references = 16_000;

function* neverEnding(count: number, piece: Buffer): Iterable<Buffer> {
  yield headersFrame(1, getBlock, { endStream: true, endHeaders: false });
  yield* repeated(count, continuationFrame(1, piece, false));
}

/** Requests of one small block each that refer to an entry over and over. */
function bomb(entry: Field, count: number) {
  return function* (): Iterable<Buffer> {
    const many = Buffer.concat(Array.from({ length: references }, () => indexed(newest)));
    const block = Buffer.concat([getBlock, literal(entry, 'add'), many]);
    for (const stream of streams(count)) yield headersFrames(stream, block, endStream);
  };
}

/** Requests that carry the same literal over and over. */
function many(piece: Buffer, count: number) {
  return function* (): Iterable<Buffer> {
    const block = Buffer.concat([getBlock, ...Array.from({ length: references }, () => piece)]);
    for (const stream of streams(count)) yield headersFrames(stream, block, endStream);
  };
}

export const headerBlockFloods: readonly Flood[] = [
  {
    name: '20,000 empty CONTINUATION',
    reference: 'CVE-2024-27316',
    bytes: () => neverEnding(20_000, Buffer.alloc(0)),
    mustClose: true,
  },
  {
    name: '20,000 CONTINUATION of one byte',
    reference: 'CVE-2024-30255',
    *bytes() {
      yield headersFrame(1, Buffer.concat([getBlock, Buffer.from('\0\x01x\x7f\xff\xff\x7f', 'latin1')]), {
        endHeaders: false,
      });
      yield* repeated(20_000, continuationFrame(1, Buffer.from('y'), false));
    },
    mustClose: true,
  },
  {
    name: '14 MiB of CONTINUATION with short fields',
    reference: 'CVE-2024-27919',
    bytes: () => neverEnding(900, Buffer.alloc(16_380, literal(['x-a', 'b']))),
    mustClose: true,
  },
  {
    name: '14 MiB of CONTINUATION within one value',
    reference: 'CVE-2024-28182',
    *bytes() {
      yield headersFrame(1, Buffer.from('\0\x01x\x7f\xff\xff\xff\x07', 'latin1'), { endHeaders: false });
      yield* repeated(900, continuationFrame(1, Buffer.alloc(16_384, 'y'), false));
    },
    mustClose: true,
  },
  {
    name: '20 requests that refer 16,000 times to an entry of 3,900 bytes',
    reference: 'CVE-2016-6581',
    bytes: bomb(['x-a', 'b'.repeat(3900)], 20),
  },
  {
    name: '20 requests that refer 16,000 times to an entry of next to nothing, and take no reply',
    reference: 'CVE-2026-47774',
    bytes: bomb(['x', ''], 20),
    settings: [[Setting.initialWindowSize, 0]],
    reads: false,
  },
  {
    name: '20 requests of 16,000 crumbs of a cookie',
    reference: 'CVE-2026-47774',
    bytes: bomb(['cookie', 'a'], 20),
    settings: [[Setting.initialWindowSize, 0]],
  },
  {
    name: '20 requests with 16,000 hosts behind their authority',
    reference: 'CVE-2026-73550',
    bytes: bomb(['host', 'app'], 20),
  },
  {
    name: '20 requests with 16,000 fields that have no name',
    reference: 'CVE-2019-9516',
    bytes: many(literal(['', '']), 20),
  },
  {
    name: '20 requests with 16,000 fields that have no name in Huffman code',
    reference: 'CVE-2019-9516',
    bytes: many(literal(['', ''], 'plain', true), 20),
  },
  {
    name: '100 requests of 60 KB in Huffman code',
    reference: 'RFC 9113 §10.5.1',
    *bytes() {
      const block = Buffer.concat([getBlock, literal(['x-a', '0'.repeat(60_000)], 'plain', true)]);
      for (const stream of streams(100)) yield headersFrames(stream, block, endStream);
    },
  },
  {
    name: '100 requests that change the size of the table 5,000 times',
    reference: 'RFC 7541 §4.2',
    *bytes() {
      const changes = Buffer.concat(Array.from({ length: 2500 }, () => [tableSize(0), tableSize(4096)]).flat());
      for (const stream of streams(100)) yield headersFrames(stream, Buffer.concat([changes, getBlock]), endStream);
    },
  },
  {
    name: '2,000 requests that each throw out the whole table',
    reference: 'RFC 7541 §4.4',
    *bytes() {
      const entries = Array.from({ length: 40 }, (_, i) => literal([`x-${i}`, 'b'.repeat(60)], 'add'));
      const block = Buffer.concat([getBlock, ...entries]);
      for (const stream of streams(2000)) yield headersFrames(stream, block, endStream);
    },
  },
  {
    name: '20,000 changes of the table size that replies may use',
    reference: 'RFC 9113 §6.5.2',
    *bytes() {
      for (let i = 0; i < 10_000; i++)
        yield Buffer.concat([
          settingsFrame([[Setting.headerTableSize, 0]]),
          settingsFrame([[Setting.headerTableSize, 0x7fffffff]]),
        ]);
      yield headersFrame(1, getBlock, endStream);
    },
  },
  {
    name: '20 requests with 16,000 trailers',
    reference: 'CVE-2026-47774',
    *bytes() {
      const trailers = Buffer.concat(Array.from({ length: references }, () => literalOf(4, 't')));
      for (const stream of streams(20))
        yield Buffer.concat([
          headersFrame(stream, postBlock),
          dataFrame(stream, 'x'),
          headersFrames(stream, trailers, endStream),
        ]);
    },
  },
  {
    name: '300 connections cut off within CONTINUATION',
    reference: 'CVE-2024-27983',
    *bytes() {
      yield headersFrame(1, getBlock, { endHeaders: false });
      yield continuationFrame(1, Buffer.from('\0\x03x'), false);
    },
    connections: 300,
    holdMs: 0,
  },
  {
    name: '300 connections with a header block that cannot be read',
    reference: 'CVE-2025-59465',
    *bytes() {
      yield headersFrame(1, indexed(100), endStream);
    },
    connections: 300,
    mustClose: true,
  },
];

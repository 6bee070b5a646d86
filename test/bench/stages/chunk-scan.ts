import { deepStrictEqual } from 'node:assert/strict';
import { BodyReader, Framing } from '../../../dataplane/http1/body-reader.ts';
import type { Stage } from './stage.ts';

const chunkSizes = [1, 15, 100, 1000, 2048, 4096];

export const stage: Stage = {
  name: 'chunk-scan',
  what: `find the body in ${chunkSizes.length} chunks of up to 4 kB`,
  plain: 'indexOf, parseInt, Buffer.concat',
  prepare() {
    const chunks = chunkSizes.map((size, i) => Buffer.alloc(size, 97 + i));
    const body = Buffer.concat(chunks);
    const bytes = Buffer.concat([
      ...chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
      Buffer.from('0\r\n\r\n'),
    ]);
    const reader = new BodyReader();
    let seen = 0;
    const sink = {
      onBody(_: Buffer, from: number, to: number) {
        seen += to - from;
      },
      onBodyEnd() {
        seen += 1;
      },
    };
    return {
      check() {
        const parts: Buffer[] = [];
        const gather = {
          onBody: (source: Buffer, from: number, to: number) => void parts.push(source.subarray(from, to)),
          onBodyEnd: () => undefined,
        };
        reader.begin(Framing.chunked, 0);
        deepStrictEqual(reader.read(bytes, 0, bytes.length, gather), bytes.length);
        deepStrictEqual(Buffer.concat(parts), body);
        deepStrictEqual(readPlain(bytes), body);
      },
      runFast(times) {
        seen = 0;
        for (let i = 0; i < times; i++) {
          reader.begin(Framing.chunked, 0);
          reader.read(bytes, 0, bytes.length, sink);
        }
        return seen;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += readPlain(bytes).length;
        return sum;
      },
    };
  },
};

function readPlain(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

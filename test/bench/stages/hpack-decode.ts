import { deepStrictEqual } from 'node:assert/strict';
import { HpackDecoder } from '../../../shared/http2/hpack/decoder.ts';
import type { FieldSink } from '../../../shared/http2/hpack/field-sink.ts';
import { type NameValue, PlainDecoder, PlainEncoder } from '../../shared/http2/hpack/plain-hpack.ts';
import { browserCaller, grpcCaller, type SampleCaller, sampleCount } from './sample-fields.ts';
import type { Stage } from './stage.ts';

export const grpc = stageOf('grpc', 'of a gRPC call: eight indexed fields, a traceparent', grpcCaller);
export const browser = stageOf('browser', 'of a browser: eleven indexed fields, a path', browserCaller);

function stageOf(name: string, what: string, caller: SampleCaller): Stage {
  return {
    name: `hpack-decode-${name}`,
    what: `decode the field block ${what} in Huffman code`,
    plain: 'strings, an array of entries, a Map of bits',
    prepare: () => prepare(caller),
  };
}

function prepare({ requests, uniqueName }: SampleCaller) {
  const encoder = new PlainEncoder();
  // As most callers do: what recurs enters the table at once, and strings are in Huffman code.
  const encode = (fields: readonly NameValue[]) =>
    encoder.encode(fields, (i) => ({ how: fields[i]![0] === uniqueName ? 'without' : 'indexing', isHuffman: true }));
  const first = encode(requests[0]!);
  const blocks = requests.map(encode);
  const slab = Buffer.concat(blocks);
  /** Where each block begins, and the last one ends. */
  const bounds = new Int32Array(sampleCount + 1);
  blocks.forEach(({ length }, i) => {
    bounds[i + 1] = bounds[i]! + length;
  });

  const decoder = new HpackDecoder(4096, () => 1);
  const plain = new PlainDecoder();
  const counted = {
    sum: 0,
    onField(_line: Buffer, at: number, nameLength: number, valueLength: number, kind: number) {
      this.sum += at + nameLength + valueLength + kind;
    },
  };
  decoder.decode(first, 0, first.length, counted);
  plain.decode(first);

  return {
    check() {
      requests.forEach((fields, i) => {
        const found: NameValue[] = [];
        const sink: FieldSink = {
          onField(line, at, nameLength, valueLength) {
            const valueAt = at + nameLength + 2;
            const name = line.toString('latin1', at, at + nameLength);
            found.push([name, line.toString('latin1', valueAt, valueAt + valueLength)]);
          },
        };
        deepStrictEqual(decoder.decode(slab, bounds[i]!, bounds[i + 1]!, sink), null);
        deepStrictEqual(found, fields);
        const plainFound = plain.decode(blocks[i]!).map(({ name, value }) => [name, value]);
        deepStrictEqual(plainFound, fields);
      });
    },
    runFast(times: number) {
      counted.sum = 0;
      for (let i = 0; i < times; i++) {
        const place = i % sampleCount;
        decoder.decode(slab, bounds[place]!, bounds[place + 1]!, counted);
      }
      return counted.sum;
    },
    runPlain(times: number) {
      let sum = 0;
      for (let i = 0; i < times; i++)
        for (const { name, value } of plain.decode(blocks[i % sampleCount]!)) sum += name.length + value.length;
      return sum;
    },
  };
}

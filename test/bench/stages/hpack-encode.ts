import { deepStrictEqual } from 'node:assert/strict';
import { HpackEncoder } from '../../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../../shared/http2/hpack/indexing.ts';
import { type NameValue, PlainDecoder, PlainEncoder } from '../../shared/http2/hpack/plain-hpack.ts';
import { browserCaller, grpcCaller, type SampleCaller, sampleCount } from './sample-fields.ts';
import type { Stage } from './stage.ts';

export const grpc = stageOf('grpc', 'a gRPC call: eight indexed fields, a traceparent', grpcCaller);
export const browser = stageOf('browser', 'a browser: eleven indexed fields, a path', browserCaller);

function stageOf(name: string, what: string, caller: SampleCaller): Stage {
  return {
    name: `hpack-encode-${name}`,
    what: `encode the field block of ${what}`,
    plain: 'a search through an array of strings, Buffer.concat',
    prepare: () => prepare(caller),
  };
}

class Out {
  bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  length = 0;

  reserve(size: number): void {
    if (this.length + size > this.bytes.length) throw new Error('no sample is as large');
  }
}

function prepare({ requests, uniqueName }: SampleCaller) {
  const slab = Buffer.from(requests.map((fields) => fields.map(([name, value]) => name + value).join('')).join(''));
  let at = 0;
  /** Of each field, where its name begins and ends, and its value. */
  const heads = requests.map((fields) =>
    Int32Array.from(
      fields.flatMap(([name, value]) => {
        const [nameFrom, valueFrom] = [at, at + name.length];
        at = valueFrom + value.length;
        return [nameFrom, valueFrom, valueFrom, at];
      }),
    ),
  );
  const places = requests[0]!.map(([name]) => name);
  const method = places.indexOf(':method') * 4;
  const scheme = places.indexOf(':scheme') * 4;
  const authority = places.indexOf(':authority') * 4;
  const path = places.indexOf(':path') * 4;
  const firstOrdinary = 4 * 4;

  const out = new Out();
  const encoder = new HpackEncoder(4096);
  const encodeFast = (head: Int32Array) => {
    out.length = 0;
    encoder.begin(out);
    encoder.method(out, slab, head[method + 2]!, head[method + 3]!);
    encoder.scheme(out, slab, head[scheme + 2]!, head[scheme + 3]!);
    encoder.authority(out, slab, head[authority + 2]!, head[authority + 3]!);
    encoder.path(out, slab, head[path + 2]!, head[path + 3]!);
    for (let i = firstOrdinary; i < head.length; i += 4)
      encoder.field(out, slab, head[i]!, head[i + 1]!, head[i + 2]!, head[i + 3]!, Indexing.auto);
    return out.length;
  };
  const plain = new PlainEncoder();
  const encodePlain = (fields: readonly NameValue[]) =>
    plain.encode(fields, (i) => ({ how: fields[i]![0] === uniqueName ? 'without' : 'indexing', isHuffman: false }));

  const fastReader = new PlainDecoder();
  const plainReader = new PlainDecoder();
  return {
    check() {
      requests.forEach((fields, i) => {
        const length = encodeFast(heads[i]!);
        const byName = (found: { name: string; value: string }[]) =>
          Object.fromEntries(found.map((f) => [f.name, f.value]));
        deepStrictEqual(byName(fastReader.decode(out.bytes.subarray(0, length))), Object.fromEntries(fields));
        deepStrictEqual(byName(plainReader.decode(encodePlain(fields))), Object.fromEntries(fields));
      });
    },
    runFast(times: number) {
      let sum = 0;
      for (let i = 0; i < times; i++) sum += encodeFast(heads[i % sampleCount]!);
      return sum;
    },
    runPlain(times: number) {
      let sum = 0;
      for (let i = 0; i < times; i++) sum += encodePlain(requests[i % sampleCount]!).length;
      return sum;
    },
  };
}

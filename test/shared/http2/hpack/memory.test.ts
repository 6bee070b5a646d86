import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { HpackDecoder } from '../../../../shared/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../../../shared/http2/hpack/indexing.ts';
import { Bytes } from './blocks.ts';
import { PlainEncoder } from './plain-hpack.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes in use once nothing is left to be given back: memory outside of the heap goes a while after its owner. */
async function usedBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let idle = 0; idle < 3; ) {
    collectGarbage();
    await nextTurn();
    const { heapUsed, external } = process.memoryUsage();
    idle = heapUsed + external < least - 10_000 ? 0 : idle + 1;
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

const classify = () => 0;
const count = 500;

/** Bytes that one of many things takes, made by `make` and then used by `use`. */
async function bytesOf<T>(make: () => T, use: (thing: T) => void): Promise<number> {
  const measure = async () => {
    const before = await usedBytes();
    const things = Array.from({ length: count }, make);
    for (const thing of things) use(thing);
    const after = await usedBytes();
    return (after - before) / things.length;
  };
  await measure(); // with what is made or given up once
  return measure();
}

const nothing = () => {};
const sink = { onField: nothing };

t.test('who has sent and received nothing takes little', async (t) => {
  const decoder = await bytesOf(() => new HpackDecoder(4096, classify), nothing);
  t.ok(decoder < 400, `a decoder takes ${Math.round(decoder)} bytes`);
  const encoder = await bytesOf(() => new HpackEncoder(4096), nothing);
  t.ok(encoder < 600, `an encoder takes ${Math.round(encoder)} bytes`);
});

t.test('a peer makes a decoder take no more than twice the table and its entries, whatever it sends', async (t) => {
  const attacks: Record<string, [name: string, value: string][]> = {
    'entries as small as can be': Array.from({ length: 1000 }, (_, i) => ['', String.fromCharCode(i >> 8, i & 255)]),
    'entries as large as can be': Array.from({ length: 50 }, (_, i) => [`${i}`, 'x'.repeat(4062 - (i % 2))]),
    'small and large ones': Array.from({ length: 500 }, (_, i) => [`${i}`, 'x'.repeat((i * 977) % 4000)]),
    'literals larger than the table': Array.from({ length: 5 }, (_, i) => [`${i}`, 'x'.repeat(100_000)]),
  };
  for (const [what, fields] of Object.entries(attacks)) {
    const block = new PlainEncoder().encode(fields, () => ({ how: 'indexing', isHuffman: false }));
    const taken = await bytesOf(
      () => new HpackDecoder(4096, classify),
      (decoder) => decoder.decode(block, 0, block.length, sink),
    );
    t.ok(taken < 2 * 4096 + 128 * 16 + 1500, `${what}: ${Math.round(taken)} bytes`);
  }
});

t.test('an encoder has as little to keep', async (t) => {
  const line = Buffer.alloc(200, 'x');
  const out = new Bytes();
  const taken = await bytesOf(
    () => new HpackEncoder(4096),
    (encoder) => {
      out.length = 0;
      for (let block = 0; block < 3; block++) {
        encoder.begin(out);
        for (let i = 0; i < 200; i++) encoder.field(out, line, 0, 1, 1, 1 + (i % 100), Indexing.auto);
      }
    },
  );
  t.ok(taken < 15_000, `${Math.round(taken)} bytes`);
});

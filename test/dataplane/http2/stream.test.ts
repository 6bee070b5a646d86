import { deepStrictEqual, ok } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { holdsFor } from '../../harness/property.ts';
import { PlainStream } from './plain-stream.ts';

t.test('what waits leaves as it came, in whatever pieces it comes and goes', async (t) => {
  const step = fc.record({ size: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 9000 })), isTaken: fc.boolean() });
  const show = (steps: { size: number; isTaken: boolean }[]) =>
    steps.map(({ size, isTaken }) => `${isTaken ? '-' : '+'}${size}`).join(' ');
  holdsFor(t, fc.array(step, { maxLength: 40 }), { runs: 500, show }, (steps) => {
    const stream = new PlainStream(1, 0);
    let [came, went] = [Buffer.alloc(0), Buffer.alloc(0)];
    const take = (most: number) => {
      const { queuedPiece, queuedFrom, queuedTo } = stream;
      const size = Math.min(most, queuedTo - queuedFrom);
      went = Buffer.concat([went, queuedPiece.subarray(queuedFrom, queuedFrom + size)]);
      stream.takeQueued(size);
      return size;
    };
    for (const [i, { size, isTaken }] of steps.entries()) {
      if (isTaken) {
        for (let left = size; left > 0 && stream.hasQueued; ) left -= take(left);
      } else {
        const bytes = Buffer.alloc(size + 4, i);
        stream.enqueue(bytes, 2, size + 2);
        came = Buffer.concat([came, bytes.subarray(2, size + 2)]);
        bytes.fill(0xee);
      }
      deepStrictEqual(stream.queuedBytes, came.length - went.length);
    }
    while (stream.hasQueued) take(1 << 30);
    ok(came.equals(went));
  });
});

t.test('a million single bytes take no more memory than their bytes', async (t) => {
  const stream = new PlainStream(1, 0);
  const byte = Buffer.from('x');
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 1_000_000; i++) stream.enqueue(byte, 0, 1);
  const took = process.memoryUsage().arrayBuffers - before;
  t.ok(took < 2_000_000, `${took} bytes`);
  t.equal(stream.queuedBytes, 1_000_000);
  stream.dropQueue();
  t.notOk(stream.hasQueued);
});

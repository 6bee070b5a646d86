import t from 'tap';
import { HeaderBlock } from '../../../shared/http2/header-block.ts';

const mostFrames = 64;

t.test('the fragments of a block are put together, and the next block begins anew', async (t) => {
  const block = new HeaderBlock(1000);
  t.notOk(block.isOpen);
  for (const [stream, isEnd, text] of [
    [1, true, 'abcdef'],
    [3, false, 'uvwxyz'],
  ] as const) {
    const bytes = Buffer.from(`..${text}..`);
    t.ok(block.open(stream, isEnd, bytes, 2, 5));
    t.ok(block.isOpen);
    t.ok(block.add(bytes, 5, 5));
    t.ok(block.add(bytes, 5, 8));
    bytes.fill(0);
    t.match(block, { stream, isEnd });
    t.equal(block.close().toString(), text);
    t.notOk(block.isOpen);
  }
});

t.test('a block of the most bytes is taken, one more is not', async (t) => {
  for (const [first, then] of [
    [100, 0],
    [0, 100],
    [50, 50],
  ] as const) {
    const block = new HeaderBlock(100);
    const bytes = Buffer.alloc(200);
    t.ok(block.open(1, false, bytes, 0, first) && block.add(bytes, 0, then));
    t.notOk(block.add(bytes, 0, 1));
  }
  t.notOk(new HeaderBlock(100).open(1, false, Buffer.alloc(200), 0, 101));
});

t.test(`${mostFrames} frames are taken, one more is not`, async (t) => {
  const block = new HeaderBlock(100);
  const bytes = Buffer.alloc(1);
  t.ok(block.open(1, false, bytes, 0, 1));
  for (let i = 1; i < mostFrames; i++) t.ok(block.add(bytes, 0, 0));
  t.notOk(block.add(bytes, 0, 0));
});

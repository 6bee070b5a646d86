import t from 'tap';
import {
  BucketTable,
  bytesPerBucket,
  mostTag,
  noRoom,
  timeWrapUs,
} from '../../../../dataplane/filters/rate-limit/bucket-table.ts';
import { Gcra } from '../../../../dataplane/filters/rate-limit/gcra.ts';

const second = 1_000_000;
const tableOf = (count: number) => new BucketTable(new SharedArrayBuffer(count * bytesPerBucket), 0, count);
const onePerSecond = () => new Gcra(1, 1000, 1);

t.test('keys of one place have buckets of their own, as many as there are slots to look in', async (t) => {
  const table = tableOf(64);
  const gcra = onePerSecond();
  for (let tag = 1; tag <= 8; tag++) t.equal(table.take(10, tag, gcra, 0), 0);
  for (let tag = 1; tag <= 8; tag++) t.equal(table.take(10, tag, gcra, 0), second);
  t.equal(table.take(10, 9, gcra, 0), noRoom);
  t.equal(table.take(18, 9, gcra, 0), 0, 'a place with other slots has room');
});

t.test('the last slots go on with the first', async (t) => {
  const table = tableOf(16);
  const gcra = onePerSecond();
  for (let tag = 1; tag <= 8; tag++) t.equal(table.take(15, tag, gcra, 0), 0);
  for (let tag = 1; tag <= 8; tag++) t.equal(table.take(15, tag, gcra, 0), second);
});

t.test('however many keys come, they reset no bucket that is in use', async (t) => {
  const table = tableOf(64);
  const strict = new Gcra(1, 3_600_000, 1);
  t.equal(table.take(5, mostTag, strict, 0), 0);
  const fleeting = new Gcra(1_000_000, 1000, 1);
  for (let i = 0; i < 10_000; i++) table.take(i, 1 + (i % (mostTag - 1)), fleeting, i);
  t.equal(table.take(5, mostTag, strict, 10_000), 3600 * second - 10_000);
});

t.test('a bucket whose time has come makes room for another key', async (t) => {
  const table = tableOf(16);
  const gcra = onePerSecond();
  for (let tag = 1; tag <= 8; tag++) table.take(0, tag, gcra, tag * 1000);
  t.equal(table.take(0, 9, gcra, second), noRoom);
  t.equal(table.take(0, 9, gcra, second + 1000), 0, 'the place of the first one');
  t.equal(table.take(0, 1, gcra, second + 1000), noRoom, 'which has none any more');
  t.equal(table.take(0, 1, gcra, second + 2000), 0);
});

t.test('a key is found behind slots that have become free', async (t) => {
  const table = tableOf(16);
  const [short, long] = [onePerSecond(), new Gcra(1, 60_000, 1)];
  table.take(0, 1, short, 0);
  table.take(0, 2, long, 0);
  t.equal(table.take(0, 2, long, 2 * second), 58 * second);
});

t.test('slots that were never used are free at every time', async (t) => {
  for (const nowUs of [0, timeWrapUs / 4, timeWrapUs / 2, timeWrapUs - 1, timeWrapUs - second])
    t.equal(tableOf(16).take(3, 1, onePerSecond(), nowUs), 0, `at ${nowUs}`);
});

t.test('all bits of tag and time are kept', async (t) => {
  const gcra = new Gcra(1, 1000, 1);
  for (const tag of [1, 2 ** 19, mostTag])
    for (const nowUs of [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 43, timeWrapUs - second - 1, timeWrapUs - 1]) {
      const table = tableOf(16);
      t.equal(table.take(3, tag, gcra, nowUs), 0);
      t.equal(table.take(3, tag, gcra, nowUs), second, `tag ${tag} at ${nowUs}`);
      t.equal(table.take(3, tag === 1 ? 2 : tag - 1, gcra, nowUs), 0);
    }
});

import t from 'tap';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';

const textOf = (out: OutBuffer) => out.bytes.toString('latin1', 0, out.length);

t.test('numbers are written as JavaScript would', async (t) => {
  for (const value of [
    0, 1, 9, 10, 15, 16, 99, 100, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, 999_999_999_999_999,
  ]) {
    const decimal = new OutBuffer();
    decimal.decimal(value);
    t.equal(textOf(decimal), String(value));
    const hex = new OutBuffer();
    hex.hex(value);
    t.equal(textOf(hex), value.toString(16));
  }
});

t.test('it grows to what is put in, and keeps what is there', async (t) => {
  const out = new OutBuffer();
  const big = Buffer.alloc(300_000, 'abc');
  out.text('begin ');
  out.copy(big, 0, big.length);
  out.copy(big, 1, 4);
  out.decimal(42);
  t.equal(textOf(out), `begin ${big.toString()}bca42`);
  out.discard();
  t.equal(out.length, 0);
});

import t from 'tap';
import { NumberField } from '../../../dataplane/http2/number-field.ts';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { PlainDecoder } from '../../shared/http2/hpack/plain-hpack.ts';

t.test('a number is a literal that any decoder reads, and that enters no table', async (t) => {
  const field = new NumberField('x-number');
  const out = new OutBuffer();
  for (const value of [0, 9, 10, 99, 100, 12_345, 999_999_999, 1_000_000_000, 999_999_999_999_999]) {
    out.discard();
    field.write(out, value);
    const block = Buffer.from(out.bytes.subarray(0, out.length));
    t.strictSame(new PlainDecoder().decode(block), [{ name: 'x-number', value: String(value), isNeverIndexed: false }]);
    t.equal(block[0], 0);
  }
});

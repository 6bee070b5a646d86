import t from 'tap';
import { encodeFields, encodeLength, encodeTrailers } from '../../../dataplane/http2/field-encoder.ts';
import { switchHead } from '../../../dataplane/http2/switch-head.ts';
import { Case } from '../../../dataplane/message/dropped-fields.ts';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { HpackEncoder } from '../../../shared/http2/hpack/encoder.ts';
import { requestFields } from '../../harness/http2/frame-client.ts';
import { HpackDecoder } from '../../harness/http2/hpack/decoder.ts';
import { headerBlock, literal } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import { assembleReply, assembleRequest, assembleTrailers } from './assembling.ts';

/** What an encoder writes, as a block of its own. */
function encoded(write: (encoder: HpackEncoder, out: OutBuffer) => void): Buffer {
  const out = new OutBuffer();
  write(new HpackEncoder(4096), out);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

const fieldsOf = (block: Buffer) => new HpackDecoder().decode(block);
const secret = literal(['x-secret', 's'], 'never');

t.test('what may enter no table is sent on in the same form, wherever it stands', async (t) => {
  const cases = Case.always | Case.http2;
  const request = assembleRequest(Buffer.concat([headerBlock(requestFields('GET')), secret])).head;
  t.ok(encoded((encoder, out) => encodeFields(encoder, out, request, cases)).equals(secret), 'a request');
  const reply = assembleReply(Buffer.concat([headerBlock([[':status', '200']]), secret])).head;
  t.ok(encoded((encoder, out) => encodeFields(encoder, out, reply, cases)).equals(secret), 'a reply');
  const switched = switchHead(reply, 'accept');
  t.ok(encoded((encoder, out) => encodeFields(encoder, out, switched, cases)).equals(secret), 'a switch of protocols');
  const trailers = assembleTrailers(secret).head;
  t.ok(encoded((encoder, out) => encodeTrailers(encoder, out, trailers)).equals(secret), 'trailers');
});

t.test('trailers keep what may not stand there to themselves', async (t) => {
  const fields: Field[] = [
    ['x-a', '1'],
    ['content-length', '5'],
    ['host', 'app'],
    ['x-meshlane-reason', 'overloaded'],
    ['trailer', 'x-b'],
    ['x-b', ''],
  ];
  const { head } = assembleTrailers(fields);
  t.strictSame(
    fieldsOf(encoded((encoder, out) => encodeTrailers(encoder, out, head))),
    fields.filter(([name]) => /^x-.$/.test(name)),
  );
});

t.test('a length of any size is written in full', async (t) => {
  for (const length of [0, 9, 65_535, 999_999_999_999_999])
    t.strictSame(fieldsOf(encoded((encoder, out) => encodeLength(encoder, out, length))), [
      ['content-length', `${length}`],
    ]);
});

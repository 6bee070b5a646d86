import t from 'tap';
import { ReplyDigest } from '../../../dataplane/pipeline/reply-digest.ts';

function digestOf(...pieces: readonly string[]): ReplyDigest {
  const digest = new ReplyDigest();
  for (const piece of pieces) {
    const bytes = Buffer.from(`--${piece}-`);
    digest.onBody(bytes, 2, bytes.length - 1);
  }
  return digest;
}

t.test('a body is the same in whatever pieces it comes', async (t) => {
  const text = 'some reply, byte for byte';
  for (let cut = 0; cut <= text.length; cut++)
    t.ok(digestOf(text).hasSameBody(digestOf(text.slice(0, cut), text.slice(cut))));
});

t.test('bodies that differ in a bit, or in their order, are not the same', async (t) => {
  const text = 'some reply, byte for byte';
  const bytes = Buffer.from(text);
  for (let bit = 0; bit < bytes.length * 7; bit++) {
    const other = Buffer.from(bytes);
    other[Math.floor(bit / 7)]! ^= 1 << (bit % 7);
    t.notOk(digestOf(text).hasSameBody(digestOf(other.toString('latin1'))));
  }
  t.notOk(digestOf('ab').hasSameBody(digestOf('ba')));
  t.notOk(digestOf('\0').hasSameBody(digestOf('\0\0')));
});

import t from 'tap';
import { EncodedHeads } from '../../../dataplane/http2/encoded-heads.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { Head } from '../../../dataplane/message/head.ts';

const places = 16;
const caller: Caller = {
  removes: 0,
  refuses: 0,
  isTrusted: false,
  forwarding: null,
  via: null,
  address: Buffer.alloc(0),
};

function shared(): Head {
  const head = new Head();
  head.share();
  return head;
}

t.test('bytes are good for the same head, caller and cases, while the table stays as it is', async (t) => {
  const encoded = new EncodedHeads();
  const head = shared();
  const bytes = Buffer.from('encoded');
  t.equal(encoded.find(head, caller, 1, 5), null);
  encoded.keep(head, caller, 1, 5, bytes);
  bytes.fill(0);
  t.equal(encoded.find(head, caller, 1, 5)?.toString(), 'encoded', 'a copy');
  t.equal(encoded.find(head, { ...caller }, 1, 5), null);
  t.equal(encoded.find(head, null, 1, 5), null);
  t.equal(encoded.find(head, caller, 2, 5), null);
  t.equal(encoded.find(head, caller, 1, 6), null);
  t.equal(encoded.find(shared(), caller, 1, 5), null);
  encoded.clear();
  t.equal(encoded.find(head, caller, 1, 5), null);
});

t.test(`heads beyond ${places} take the places of others, never their bytes`, async (t) => {
  const encoded = new EncodedHeads();
  const heads = Array.from({ length: 3 * places }, shared);
  for (const [i, head] of heads.entries()) encoded.keep(head, null, 0, 0, Buffer.of(i));
  for (const [i, head] of heads.entries()) {
    const found = encoded.find(head, null, 0, 0);
    if (i < 2 * places) t.equal(found, null);
    else t.equal(found?.[0], i);
  }
});

import t from 'tap';
import { noKey } from '../../../dataplane/cluster/balancer/balancer.ts';
import { hashText } from '../../../dataplane/cluster/hashing/murmur3.ts';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { type HashKey, hashKey } from '../../../dataplane/pipeline/hash-key.ts';

const limits = { headBytes: 65_536, headerCount: 100, targetBytes: 16_384 };

function headOf(fields: string, target = '/'): RequestHead {
  const head = new RequestHead();
  const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: app\r\n${fields}\r\n`);
  readRequestHead(head, bytes, 0, bytes.length, limits);
  return head;
}

const callerAt = (address: string, isTrusted = false): Caller => ({
  removes: 0,
  refuses: 0,
  isTrusted,
  address: Buffer.from(address),
  forwarding: null,
  via: null,
});
const caller = callerAt('10.0.0.1');

/** The text that a request is hashed on, among these; undefined for none of them. */
const hashed = (key: HashKey, head: RequestHead, texts: readonly string[], from = caller) =>
  texts.find((text) => hashText(text) === key(head, from));

t.test('a field is hashed by its value, whatever the case of its name', async (t) => {
  const key = hashKey({ header: 'X-User' });
  t.equal(hashed(key, headOf('x-user: ada\r\n'), ['ada']), 'ada');
  t.equal(hashed(key, headOf('X-USER:  ada \r\nx-user: bob\r\n'), ['ada', 'bob']), 'ada');
  t.equal(key(headOf('x-users: ada\r\n'), caller), noKey);
  t.equal(key(headOf(''), caller), noKey);
});

t.test('a cookie is found among others, in any of their fields', async (t) => {
  const key = hashKey({ cookie: 'id' });
  const values = ['1', '2', ''];
  for (const [fields, value] of [
    ['Cookie: id=1\r\n', '1'],
    ['Cookie: a=0; id=1; b=3\r\n', '1'],
    ['Cookie: xid=0;id=2\r\n', '2'],
    ['Cookie: a=id=0; id=2\r\n', '2'],
    ['Cookie: a=0\r\nCookie: id=2\r\n', '2'],
    ['Cookie: id=\r\n', ''],
    ['Cookie: id=1; id=2\r\n', '1'],
  ] as const)
    t.equal(hashed(key, headOf(fields), values), value, fields.trim());
  for (const fields of ['Cookie: ID=1\r\n', 'Cookie: idx=1; i=2; id\r\n', 'X-Cookie: id=1\r\n', 'Cookie: ;\r\n', ''])
    t.equal(key(headOf(fields), caller), noKey, fields.trim());
});

t.test('a path is hashed without its query', async (t) => {
  t.equal(hashed(hashKey('path'), headOf('', '/cart/7?x=1'), ['/cart/7']), '/cart/7');
  t.equal(hashed(hashKey('path'), headOf('', 'http://app/cart?x=1'), ['/cart']), '/cart');
});

t.test('the source is the caller, or whom a trusted proxy had before it', async (t) => {
  const key = hashKey('source');
  const addresses = ['10.0.0.1', '192.0.2.1', '192.0.2.2'];
  const forwarded = headOf('X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n');
  t.equal(hashed(key, forwarded, addresses), '10.0.0.1');
  t.equal(hashed(key, forwarded, addresses, callerAt('10.0.0.1', true)), '192.0.2.2');
  t.equal(hashed(key, headOf(''), addresses, callerAt('10.0.0.1', true)), '10.0.0.1');
});

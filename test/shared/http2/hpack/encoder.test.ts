import t from 'tap';
import { HpackEncoder } from '../../../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../../../shared/http2/hpack/indexing.ts';
import { prepareField } from '../../../../shared/http2/hpack/prepared-field.ts';
import { type Bytes, decode, encode, encodeWith, newDecoder, type SentField, tableOf } from './blocks.ts';

t.test('a field enters the table when it comes a second time', async (t) => {
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const send = (...fields: SentField[]) => {
    const block = encode(encoder, fields);
    t.strictSame(
      decode(decoder, block),
      fields.map(([name, value]) => ({ name: name.toLowerCase(), value, isNeverIndexed: false })),
    );
    return block.toString('hex');
  };
  t.equal(send(['a', 'b']), '0001610162');
  t.strictSame(tableOf(decoder), []);
  t.equal(send(['a', 'b']), '4001610162');
  t.strictSame(tableOf(decoder), ['a: b']);
  t.equal(send(['a', 'b']), 'be');
  t.equal(send(['A', 'b'], ['a', 'b']), 'bebe', 'in any case');
  t.equal(send(['a', 'c']), '0f2f0163', 'its name has an index, too');
  t.equal(send(['content-type', 'x']), '0f100178', 'that of the static table, where it has one');
  t.equal(send(['accept-encoding', 'gzip, deflate']), '90', 'a whole field of it is never sent otherwise');
  t.strictSame(tableOf(decoder), ['a: b']);
});

t.test('names are sent in lower case', async (t) => {
  const name = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
  const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  for (let i = 0; i < 3; i++)
    t.strictSame(decode(decoder, encode(encoder, [[name, 'v']])), [{ name: lower, value: 'v', isNeverIndexed: false }]);
  t.strictSame(decode(decoder, encode(encoder, [[lower, 'v']])), [{ name: lower, value: 'v', isNeverIndexed: false }]);
  t.equal(encode(encoder, [[name, 'v']]).length, 1);
});

t.test('secrets are never indexed, and say so', async (t) => {
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const secrets: SentField[] = [
    ['authorization', 'Bearer abc'],
    ['Authorization', 'Bearer abc'],
    ['proxy-authorization', 'Basic abc'],
    ['set-cookie', `a=${'b'.repeat(100)}`],
    ['cookie', 'a=1234567890123456x'],
    ['cookie', ''],
    ['authorization', 'Bearer abc', Indexing.without],
    ['anything', 'else', Indexing.never],
    ['accept-encoding', 'gzip, deflate', Indexing.never],
  ];
  for (let i = 0; i < 3; i++)
    t.strictSame(
      decode(decoder, encode(encoder, secrets)),
      secrets.map(([name, value]) => ({ name: name.toLowerCase(), value, isNeverIndexed: true })),
    );
  t.strictSame(tableOf(decoder), []);
  const longCookie: SentField = ['cookie', 'a=123456789012345678'];
  for (let i = 0; i < 4; i++) decode(decoder, encode(encoder, [longCookie]));
  t.strictSame(tableOf(decoder), [longCookie.join(': ')], 'a cookie that cannot be guessed may be indexed');
  t.strictSame(
    decode(decoder, encode(encoder, [['cookie', longCookie[1], Indexing.never]])),
    [{ name: 'cookie', value: longCookie[1], isNeverIndexed: true }],
    'but not if whoever sent it asks for it, even where it is in the table',
  );
});

t.test('a field that may not enter the table now may use what is there', async (t) => {
  const encoder = new HpackEncoder(4096);
  for (let i = 0; i < 3; i++) t.equal(encode(encoder, [['a', 'b', Indexing.without]]).toString('hex'), '0001610162');
  encode(encoder, [['a', 'b']]);
  encode(encoder, [['a', 'b']]);
  t.equal(encode(encoder, [['a', 'b', Indexing.without]]).toString('hex'), 'be');
});

t.test('pseudo-header fields have a way of their own', async (t) => {
  const encoder = new HpackEncoder(4096);
  const send = (write: (out: Bytes) => void) => encodeWith(encoder, write).toString('hex');
  const ways = { method: '02', scheme: '06', authority: '01', path: '04' } as const;
  for (const way of ['method', 'scheme', 'authority', 'path'] as const) {
    const value = Buffer.from('-unusual-');
    const once = () => send((out) => encoder[way](out, value, 1, 8));
    t.equal(once(), `${ways[way]}07${Buffer.from('unusual').toString('hex')}`, way);
    once();
    t.equal(once(), 'be', `${way}, the third time`);
    const line = Buffer.from(`:${way}unusual`);
    t.equal(
      send((out) => encoder.field(out, line, 0, way.length + 1, way.length + 1, line.length, Indexing.auto)),
      'be',
    );
  }
  for (const [way, value, octet] of [
    ['method', 'GET', '82'],
    ['method', 'POST', '83'],
    ['scheme', 'http', '86'],
    ['scheme', 'https', '87'],
    ['path', '/', '84'],
    ['path', '/index.html', '85'],
  ] as const)
    t.equal(
      send((out) => encoder[way](out, Buffer.from(value), 0, value.length)),
      octet,
      value,
    );
});

t.test('every status is sent, some as one byte from the start', async (t) => {
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const single = new Set([200, 204, 206, 304, 400, 404, 500]);
  for (let status = 100; status <= 999; status++) {
    const block = encodeWith(encoder, (out) => encoder.status(out, status));
    t.strictSame(decode(decoder, block), [{ name: ':status', value: String(status), isNeverIndexed: false }]);
    t.equal(block.length, single.has(status) ? 1 : 5);
  }
});

t.test('a prepared field is sent like any other', async (t) => {
  const fields: SentField[] = [
    ['Server', 'meshlane'],
    ['content-length', '0'],
    [':status', '200'],
    ['accept-encoding', 'gzip, deflate'],
    ['set-cookie', 'a=b'],
    ['x-nobody', 'knows', Indexing.never],
    ['x-none', '', Indexing.without],
  ];
  const prepared = fields.map(([name, value, indexing]) => prepareField(name, value, indexing ?? Indexing.auto));
  const [one, other] = [new HpackEncoder(4096), new HpackEncoder(4096)];
  for (let i = 0; i < 4; i++)
    t.strictSame(
      encodeWith(one, (out) => {
        for (const field of prepared) one.prepared(out, field);
      }),
      encode(other, fields),
    );
});

t.test('a field that would take most of the table stays out of it', async (t) => {
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  for (let i = 0; i < 3; i++) decode(decoder, encode(encoder, [['a', 'b'.repeat(2048 - 32)]]));
  t.strictSame(tableOf(decoder), []);
  for (let i = 0; i < 3; i++) decode(decoder, encode(encoder, [['a', 'b'.repeat(2048 - 33)]]));
  t.equal(tableOf(decoder).length, 1);
});

t.test('fields that all recur but do not fit together do not push out each other', async (t) => {
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const fields = Array.from({ length: 100 }, (_, i): SentField => [`name-${i}`, 'v'.repeat(60)]);
  const send = () => decode(decoder, encode(encoder, fields));
  for (let i = 0; i < 3; i++) send();
  const table = tableOf(decoder);
  t.ok(table.length > 38, 'the table is full');
  const { generation } = encoder;
  for (let i = 0; i < 100; i++) send();
  t.equal(encoder.generation, generation, 'and stays as it is');
});

t.test('what was not sent for long makes room', async (t) => {
  for (const isOrdered of [true, false]) {
    const encoder = new HpackEncoder(4096);
    const decoder = newDecoder();
    const group = (name: string) => Array.from({ length: 40 }, (_, i): SentField => [`${name}-${i}`, 'v'.repeat(60)]);
    const [old, kept, fresh] = [group('old').slice(0, 20), group('kept').slice(0, 20), group('fresh')];
    for (let i = 0; i < 2; i++) decode(decoder, encode(encoder, [...old, ...kept]));
    for (let i = 0; i < 300; i++) decode(decoder, encode(encoder, isOrdered || i % 2 === 0 ? kept : kept.toReversed()));
    for (let i = 0; i < 2; i++) decode(decoder, encode(encoder, [...kept, ...fresh]));
    const table = tableOf(decoder);
    t.equal(table.filter((line) => line.startsWith('old')).length, 0);
    t.equal(table.filter((line) => line.startsWith('kept')).length, 20);
    t.ok(table.filter((line) => line.startsWith('fresh')).length > 15);
  }
});

t.test('the next block tells how the table changed', async (t) => {
  const begin = (encoder: HpackEncoder) => encode(encoder, []).toString('hex');
  t.equal(begin(new HpackEncoder(4096)), '', 'both begin with 4096');
  t.equal(begin(new HpackEncoder(65_536)), '', 'more needs the word of the peer');
  t.equal(begin(new HpackEncoder(0)), '20');
  t.equal(begin(new HpackEncoder(64)), '3f21');

  const encoder = new HpackEncoder(8192);
  const after = (...limits: number[]) => {
    for (const limit of limits) encoder.limit(limit);
    return begin(encoder);
  };
  t.equal(after(4096), '', 'nothing changed');
  t.equal(after(65_536), '3fe13f', 'it uses no more than it wants');
  t.equal(after(100_000), '', 'nor says so again');
  t.equal(after(100), '3f45');
  t.equal(after(0, 100), '20 3f45'.replace(' ', ''), 'the lowest one between, and the last');
  t.equal(after(200, 50, 70, 60), '3f13 3f1d'.replace(' ', ''));
  t.equal(after(4096, 60), '', 'what rose and fell between two blocks was never in force');
  t.equal(after(), '');
});

t.test('what a lower limit pushes out is not referred to', async (t) => {
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const send = (...fields: SentField[]) => decode(decoder, encode(encoder, fields));
  for (let i = 0; i < 3; i++) send(['a', '1'], ['b', '2'], ['c', '3']);
  t.strictSame(tableOf(decoder), ['c: 3', 'b: 2', 'a: 1']);
  encoder.limit(70);
  t.strictSame(send(['a', '1'], ['b', '2'], ['c', '3']), [
    { name: 'a', value: '1', isNeverIndexed: false },
    { name: 'b', value: '2', isNeverIndexed: false },
    { name: 'c', value: '3', isNeverIndexed: false },
  ]);
  encoder.limit(0);
  encoder.limit(4096);
  t.equal(encode(encoder, [['c', '3']]).toString('hex'), '203fe11f4001630133');
});

t.test('the generation changes with the table and not without', async (t) => {
  const encoder = new HpackEncoder(4096);
  const changes = (...fields: SentField[]) => {
    const before = encoder.generation;
    encode(encoder, fields);
    return encoder.generation !== before;
  };
  t.notOk(changes(['a', 'b']));
  t.ok(changes(['a', 'b']));
  t.notOk(changes(['a', 'b'], ['c', 'd'], ['accept-encoding', 'gzip, deflate']));
  encoder.limit(100);
  t.ok(changes());
});

t.test('fields that are told apart by few bytes only are not taken for each other', async (t) => {
  const encoder = new HpackEncoder(4096);
  const decoder = newDecoder();
  const all: SentField[] = [];
  for (let at = 0; at < 40; at++)
    for (const char of 'xX') all.push(['name', 'a'.repeat(at) + char + 'a'.repeat(40 - at)]);
  for (const char of '@`[{\x1a\x3a\x41\x61\xc1\xe1\xda\xfa') all.push([`na${char}me`, 'v']);
  for (let i = 0; i < 4; i++)
    t.strictSame(
      decode(decoder, encode(encoder, all)),
      all.map(([name, value]) => ({ name: name.replace('A', 'a'), value, isNeverIndexed: false })),
    );
});

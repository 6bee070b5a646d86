import t from 'tap';
import { HpackEncoder } from '../../../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../../../shared/http2/hpack/indexing.ts';
import { writeInteger } from '../../../../shared/http2/hpack/integer.ts';
import { Bytes, decode, encode, encodeWith, hex, newDecoder, tableOf } from './blocks.ts';

/** RFC 7541 Appendix C. Tables are written the newest entry first. */

type Step = { readonly block: string; readonly fields: readonly string[]; readonly table: readonly string[] };

const requestSteps = (blocks: readonly string[]): Step[] => {
  const first = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
  const authority = ':authority: www.example.com';
  const noCache = 'cache-control: no-cache';
  const custom = 'custom-key: custom-value';
  return [
    { block: blocks[0]!, fields: first, table: [authority] },
    { block: blocks[1]!, fields: [...first, noCache], table: [noCache, authority] },
    {
      block: blocks[2]!,
      fields: [':method: GET', ':scheme: https', ':path: /index.html', authority, custom],
      table: [custom, noCache, authority],
    },
  ];
};

const replySteps = (blocks: readonly string[]): Step[] => {
  const status302 = ':status: 302';
  const status307 = ':status: 307';
  const isPrivate = 'cache-control: private';
  const date21 = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
  const date22 = 'date: Mon, 21 Oct 2013 20:13:22 GMT';
  const location = 'location: https://www.example.com';
  const gzip = 'content-encoding: gzip';
  const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
  return [
    {
      block: blocks[0]!,
      fields: [status302, isPrivate, date21, location],
      table: [location, date21, isPrivate, status302],
    },
    {
      block: blocks[1]!,
      fields: [status307, isPrivate, date21, location],
      table: [status307, location, date21, isPrivate],
    },
    {
      block: blocks[2]!,
      fields: [':status: 200', isPrivate, date22, location, gzip, cookie],
      table: [cookie, gzip, date22],
    },
  ];
};

const examples: readonly { name: string; tableBytes: number; steps: readonly Step[] }[] = [
  {
    name: 'C.2.1 literal with indexing',
    tableBytes: 4096,
    steps: [
      {
        block: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
        fields: ['custom-key: custom-header'],
        table: ['custom-key: custom-header'],
      },
    ],
  },
  {
    name: 'C.2.2 literal without indexing',
    tableBytes: 4096,
    steps: [{ block: '040c 2f73 616d 706c 652f 7061 7468', fields: [':path: /sample/path'], table: [] }],
  },
  {
    name: 'C.2.3 literal never indexed',
    tableBytes: 4096,
    steps: [{ block: '1008 7061 7373 776f 7264 0673 6563 7265 74', fields: ['password: secret'], table: [] }],
  },
  { name: 'C.2.4 indexed', tableBytes: 4096, steps: [{ block: '82', fields: [':method: GET'], table: [] }] },
  {
    name: 'C.3 requests without Huffman coding',
    tableBytes: 4096,
    steps: requestSteps([
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]),
  },
  {
    name: 'C.4 requests with Huffman coding',
    tableBytes: 4096,
    steps: requestSteps([
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]),
  },
  {
    name: 'C.5 replies without Huffman coding',
    tableBytes: 256,
    steps: replySteps([
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133' +
        '2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970' +
        '7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61' +
        '6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ]),
  },
  {
    name: 'C.6 replies with Huffman coding',
    tableBytes: 256,
    steps: replySteps([
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad' +
        '1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2' +
        'e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ]),
  },
];

t.test('C.1 integers', async (t) => {
  for (const [mask, value, octets] of [
    [0x1f, 10, '0a'],
    [0x1f, 1337, '1f 9a 0a'],
    [0xff, 42, '2a'],
  ] as const) {
    const out = new Bytes();
    out.reserve(5);
    writeInteger(out, 0, mask, value);
    t.strictSame(out.take(), hex(octets), String(value));
  }
  // An update of the table size is an integer behind three bits: 1337 may be all that is allowed, or one too many.
  t.strictSame(decode(newDecoder(4096), hex('3f9a0a')), []);
  for (const [tableBytes, isRefused] of [
    [1337, false],
    [1336, true],
  ] as const) {
    const decoder = newDecoder(tableBytes);
    decoder.acknowledged();
    t.equal(typeof decode(decoder, hex('3f9a0a')) === 'string', isRefused, `a table of ${tableBytes}`);
  }
});

for (const { name, tableBytes, steps } of examples)
  t.test(name, async (t) => {
    const decoder = newDecoder();
    // The examples take the table size for granted.
    if (tableBytes === 256) t.strictSame(decode(decoder, hex('3f e101')), []);
    for (const { block, fields, table } of steps) {
      const decoded = decode(decoder, hex(block));
      if (typeof decoded === 'string') return t.fail(decoded);
      t.strictSame(
        decoded.map(({ name, value }) => `${name}: ${value}`),
        fields,
      );
      t.strictSame(tableOf(decoder), table);
    }
  });

t.test('the representations are written as in C.2', async (t) => {
  const path = Buffer.from('/sample/path');
  const get = Buffer.from('GET');
  const encoder = new HpackEncoder(4096);
  t.strictSame(
    encodeWith(encoder, (out) => encoder.path(out, path, 0, path.length)),
    hex('040c 2f73 616d 706c 652f 7061 7468'),
  );
  t.strictSame(
    encode(encoder, [['Password', 'secret', Indexing.never]]),
    hex('1008 7061 7373 776f 7264 0673 6563 7265 74'),
  );
  t.strictSame(
    encodeWith(encoder, (out) => encoder.method(out, get, 0, get.length)),
    hex('82'),
  );
  encode(encoder, [['custom-key', 'custom-header']]);
  t.strictSame(
    encode(encoder, [['custom-key', 'custom-header']]),
    hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'),
  );
});

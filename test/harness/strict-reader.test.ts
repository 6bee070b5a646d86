import t from 'tap';
import { forwardingFault } from './strict-http1/forwarding.ts';
import { readReplies, readRequests, type StrictRead } from './strict-reader.ts';

const requests = (text: string) => readRequests(Buffer.from(text, 'latin1'));
const replies = (text: string, methods: readonly string[] = ['GET'], isClosed = false) =>
  readReplies(Buffer.from(text, 'latin1'), methods, isClosed);

function inShort({ messages, fault, isPartial, end }: StrictRead) {
  return { bodies: messages.map(({ body }) => body.toString('latin1')), fault, isPartial, end };
}

const whole = (text: string, ...bodies: string[]) => ({ bodies, fault: null, isPartial: false, end: text.length });

const goodRequests: readonly (readonly [text: string, ...bodies: string[]])[] = [
  ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', ''],
  ['GET / HTTP/1.0\r\n\r\n', ''],
  ['GET /a?b=c HTTP/1.1\r\nhost:\r\n\r\nGET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', '', ''],
  ['OPTIONS * HTTP/1.1\r\nHost: a:80\r\n\r\n', ''],
  ['GET http://a%20b:80/x?y HTTP/1.1\r\nHost: A%20b:80\r\n\r\n', ''],
  ['CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', ''],
  ['PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:\t005 \r\n\r\nhello', 'hello'],
  ['PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n', ''],
  [
    'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '5;a;b=c;d="\\"e"\r\nhello\r\n000A\r\n\r\n\r\n\r\n\0\n\n\n\r\n0 ; z\r\nX: y\r\n\r\n',
    'hello\r\n\r\n\r\n\0\n\n\n',
  ],
  ['X-!# / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nText: \x80 \t a\r\n\r\n', ''],
];

t.test('whole requests are read, with the bodies they have, and every beginning of them is partial', async (t) => {
  for (const [text, ...bodies] of goodRequests) {
    t.same(inShort(requests(text)), whole(text, ...bodies), JSON.stringify(text));
    for (let to = 1; to < text.length; to++) {
      const read = requests(text.slice(0, to));
      t.equal(read.fault, null);
      t.equal(read.isPartial, read.end !== to);
    }
  }
});

t.test('fields and trailers are told as they came, without the space around values', async (t) => {
  const [message] = requests(
    'PUT / HTTP/1.1\r\nHost: a\r\nX:\t b c \t\r\nx: d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: u \r\n\r\n',
  ).messages;
  t.same(message, {
    startLine: 'PUT / HTTP/1.1',
    fields: [
      ['Host', 'a'],
      ['X', 'b c'],
      ['x', 'd'],
      ['Transfer-Encoding', 'chunked'],
    ],
    body: Buffer.alloc(0),
    trailers: [['T', 'u']],
  });
});

const field = (line: string) => `GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`;
const host = (value: string) => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const target = (method: string, value: string) => `${method} ${value} HTTP/1.1\r\nHost: a\r\n\r\n`;
const chunks = (text: string) => `PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${text}`;

const badRequests = [
  '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1 \r\nHost: a\r\n\r\n',
  'GET /\tHTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
  'GET / http/1.1\r\nHost: a\r\n\r\n',
  'GET /\r\n\r\n',
  'G@T / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\nHost: a\n\n',
  'GET / HTTP/1.1\r\n\r\n',
  ...['/a#b', 'a', '*', 'ftp://a/', 'http:///', 'http://', 'http://u@a/', 'http://b/', '/\x80'].map((value) =>
    target('GET', value),
  ),
  target('CONNECT', 'a'),
  target('CONNECT', '/'),
  ...[
    'a,b c',
    'a b',
    'u@a',
    'a/',
    '[::1',
    '[::1]x',
    '[::g]',
    '[:::]',
    '[1.2.3.4]',
    '[fe80::1%25e]',
    'a:b',
    'a:80:80',
  ].map(host),
  ...[':80', '%', 'a%2', 'a%zz', 'a\r\nHost: a', '"a"', 'a\\b', '\x80'].map(host),
  ...[
    'A : b',
    ' A: b',
    'A',
    ': b',
    'A: b\r\n c',
    'A: b\0',
    'A: b\x7f',
    'A: b\rc',
    'A: b\nC: d',
    'A(: b',
    'A: b\x0b',
  ].map(field),
  ...['1\r\nContent-Length: 1', '1, 1', '+1', '-1', '0x1', '1 1', '', '1.0', '1e1', '1'.repeat(16)].map((value) =>
    field(`Content-Length: ${value}`),
  ),
  field('Content-Length: 0\r\nTransfer-Encoding: chunked'),
  field('Content_Length: 0'),
  field('transfer_encoding: chunked'),
  ...['gzip, chunked', 'chunked, chunked', 'identity', '', 'chunked;a=b', 'x\r\nTransfer-Encoding: chunked'].map(
    (value) => field(`Transfer-Encoding: ${value}`),
  ),
  'PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ...[
    '\r\n',
    'g\r\n',
    ' 1\r\n',
    '0x1\r\n',
    '1 \r\n',
    '1\na',
    '1;\r\n',
    '1;a b\r\n',
    '1;a="\r\n',
    '1;a=\r\n',
    '1\r\nab\r\n',
  ].map(chunks),
  ...[`${'0'.repeat(16)}1\r\n`, '1\r\na\n', '1\r\na\r0', '0\r\nA\r\n', '0\r\n A: b\r\n\r\n', '0\r\n\n'].map(chunks),
  ...['Content-Length: 1', 'Host: b', 'Transfer-Encoding: chunked', 'content_length: 1', 'Connection: close'].map(
    (line) => chunks(`0\r\n${line}\r\n\r\n`),
  ),
];

t.test('requests that can be read in two ways, or are none, are faults', async (t) => {
  for (const text of badRequests) {
    const read = requests(text);
    t.type(read.fault, 'string', JSON.stringify(text));
    t.equal(read.isPartial, false);
    t.same(read.messages, []);
  }
});

t.test('what comes before a fault is told', async (t) => {
  const read = requests('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n');
  t.same(inShort(read), { bodies: [''], fault: 'no Host, before offset 45', isPartial: false, end: 27 });
});

const goodReplies: readonly (readonly [text: string, methods: string[], isClosed: boolean, ...bodies: string[]])[] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', ['GET'], false, 'hi'],
  ['HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n', ['GET'], false, 'hi'],
  ['HTTP/1.0 200 OK\r\n\r\nhi', ['GET'], true, 'hi'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', ['HEAD'], false, ''],
  ['HTTP/1.1 304 \r\nContent-Length: 2\r\n\r\nHTTP/1.1 204 \r\n\r\n', ['GET', 'GET'], false, '', ''],
  [
    'HTTP/1.1 103 \r\nA: b\r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx',
    ['GET'],
    false,
    '',
    '',
    'x',
  ],
];

t.test('replies are read by the methods they answer', async (t) => {
  for (const [text, methods, isClosed, ...bodies] of goodReplies)
    t.same(inShort(replies(text, methods, isClosed)), whole(text, ...bodies), JSON.stringify(text));
});

t.test('a reply that ends with the connection is partial until that is closed', async (t) => {
  t.same(inShort(replies('HTTP/1.1 200 OK\r\n\r\nhi')), { bodies: [], fault: null, isPartial: true, end: 0 });
});

t.test('a reply that is cut is partial, closed or not', async (t) => {
  for (const text of [
    'HTTP/1.1 20',
    'HTTP/1.1 200 OK\r\nA: b\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n',
  ])
    for (const isClosed of [true, false])
      t.same(inShort(replies(text, ['GET'], isClosed)), { bodies: [], fault: null, isPartial: true, end: 0 });
});

t.test('what follows a switch of protocols is left alone', async (t) => {
  const upgrade = 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';
  t.same(inShort(replies(`${upgrade}\0\n`)), whole(upgrade, ''));
  t.same(inShort(replies('HTTP/1.1 200 \r\n\r\n\0', ['CONNECT'])), whole('HTTP/1.1 200 \r\n\r\n', ''));
});

t.test('replies that can be read in two ways, or are none, are faults', async (t) => {
  for (const text of [
    'HTTP/1.1 200\r\n\r\n',
    'HTTP/1.1 600 \r\n\r\n',
    'HTTP/1.1 099 \r\n\r\n',
    'HTTP/1.1 2000 \r\n\r\n',
    'HTTP/1.1  200 \r\n\r\n',
    'HTTP/1.2 200 \r\n\r\n',
    'HTTP/1.1 200 a\0\r\n\r\n',
    'HTTP/1.1 200 OK\n\n',
    'HTTP/1.0 100 \r\n\r\n',
    'HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 100 \r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n',
  ])
    t.type(replies(text).fault, 'string', JSON.stringify(text));
  t.match(replies('HTTP/1.1 204 \r\n\r\nHTTP/1.1 204 \r\n\r\n').fault, /no request asked/);
});

t.test('what a proxy must not pass on is told', async (t) => {
  const faultOf = (text: string) => forwardingFault(requests(text).messages[0]!);
  t.equal(faultOf(field('Connection: close\r\nTrailer: a')), null);
  t.equal(faultOf(field('Connection: Upgrade\r\nUpgrade: websocket')), null);
  t.equal(faultOf('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'), null);
  for (const line of [
    'Keep-Alive: 5',
    'Proxy-Connection: close',
    'TE: trailers',
    'HTTP2-Settings: x',
    'Connection: x-a',
    'Connection: close, keep-alive',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Connection: Upgrade\r\nUpgrade: a, h2c',
  ])
    t.type(faultOf(field(line)), 'string', line);
  t.type(faultOf('GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n'), 'string');
  t.type(faultOf('GET / HTTP/1.0\r\n\r\n'), 'string');
  t.equal(forwardingFault(replies('HTTP/1.1 204 \r\nConnection: close\r\n\r\n').messages[0]!), null);
  t.type(forwardingFault(replies('HTTP/1.0 204 \r\n\r\n').messages[0]!), 'string');
});

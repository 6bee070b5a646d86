import t from 'tap';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import { HeadVerdict } from '../../../dataplane/message/head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';

const limits = { headBytes: 2048, headerCount: 20, targetBytes: 512 };

/** What a head read whole comes to: the refusal's code, or `whole`, or `partial`. */
function read(text: string, head = new RequestHead()): string {
  const bytes = Buffer.from(text, 'latin1');
  const verdict = readRequestHead(head, bytes, 0, bytes.length, limits);
  if (verdict === HeadVerdict.refused) return head.refusal;
  return verdict === HeadVerdict.whole ? 'whole' : 'partial';
}

/** The same with the bytes arriving one by one, as a connection reads them. */
function readBytewise(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  const head = new RequestHead();
  for (let to = 1; to <= bytes.length; to++) {
    const verdict = readRequestHead(head, bytes, 0, to, limits);
    if (verdict === HeadVerdict.refused) return head.refusal;
    if (verdict === HeadVerdict.whole) return 'whole';
  }
  return 'partial';
}

const with11 = (fields: string, line = 'GET / HTTP/1.1') => `${line}\r\n${fields}\r\n`;
const host = 'Host: a\r\n';

const cases: Record<string, string> = {
  // framing
  [with11(`${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: gzip\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: gzip, chunked\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: chunked, chunked\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: "chunked"\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: chunked;a=b\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding:\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: \x0bchunked\r\n`)]: 'bad_request',
  [with11(`${host}Transfer-Encoding: CHUNKED\r\n`)]: 'whole',
  [with11(`${host}Transfer-Encoding: chunked\r\n`, 'GET / HTTP/1.0')]: 'bad_request',
  [with11(`${host}Content-Length: 0\r\n`)]: 'whole',
  [with11(`${host}Content-Length:\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: +1\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: -1\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: 0x1\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: 1 2\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: 1, 1\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: 1.0\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: 99999999999999999999\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: 1\r\nContent-Length: 1\r\n`)]: 'bad_request',
  [with11(`${host}Content-Length: 1\r\nContent-Length: 2\r\n`)]: 'bad_request',
  // field lines
  [with11(`${host}A: b\n`)]: 'bad_request',
  [with11(`${host}A: b\rc\r\n`)]: 'bad_request',
  [with11(`${host}A: b\0c\r\n`)]: 'bad_request',
  [with11(`${host}A: b\x7fc\r\n`)]: 'bad_request',
  [with11(`${host}A: b\x80\xff\tc\r\n`)]: 'whole',
  [with11(`${host}A: b\r\n c\r\n`)]: 'bad_request',
  [with11(`${host}A: b\r\n\tc\r\n`)]: 'bad_request',
  [with11(` ${host}`)]: 'bad_request',
  [with11(`${host}A : b\r\n`)]: 'bad_request',
  [with11(`${host}A\t: b\r\n`)]: 'bad_request',
  [with11(`${host}: b\r\n`)]: 'bad_request',
  [with11(`${host}A\r\n`)]: 'bad_request',
  [with11(`${host}A(b): c\r\n`)]: 'bad_request',
  [with11(`${host}A\xe4: c\r\n`)]: 'bad_request',
  [with11(`${host}A:\r\nB:   \r\n`)]: 'whole',
  // host
  ...Object.fromEntries(
    [':80', '[:::]', '[1.2.3.4]', '[::g]', '[]', 'a%', 'a%2', 'a%zz', 'a%2gb', '%'].map((value) => [
      with11(`Host: ${value}\r\n`),
      'bad_request',
    ]),
  ),
  [with11('Host: a%20b:80\r\n')]: 'bad_request',
  [with11('Host: [::ffff:1.2.3.4]:80\r\n')]: 'whole',
  [with11('Host: a\r\n', 'GET http://:80/ HTTP/1.1')]: 'bad_request',
  [with11('')]: 'bad_request',
  [with11('', 'GET / HTTP/1.0')]: 'whole',
  [with11('Host: a\r\nHost: a\r\n')]: 'bad_request',
  [with11('Host: a b\r\n')]: 'bad_request',
  [with11('Host: a/b\r\n')]: 'bad_request',
  [with11('Host: user@a\r\n')]: 'bad_request',
  [with11('Host: a:b\r\n')]: 'bad_request',
  [with11('Host: a:1:2\r\n')]: 'bad_request',
  [with11('Host: a:123456\r\n')]: 'bad_request',
  [with11('Host: [::1\r\n')]: 'bad_request',
  [with11('Host: [::1]x:80\r\n')]: 'bad_request',
  [with11('Host: a[b]\r\n')]: 'bad_request',
  [with11('Host: :80\r\n')]: 'bad_request',
  [with11('Host: :\r\n')]: 'bad_request',
  [with11('Host: a:65536\r\n')]: 'bad_request',
  [with11('Host: a%zz\r\n')]: 'bad_request',
  [with11('Host: [127.0.0.1]\r\n')]: 'bad_request',
  [with11('Host: [1::2::3]\r\n')]: 'bad_request',
  [with11('Host: a b\r\n', 'GET http://a/ HTTP/1.1')]: 'bad_request',
  [with11('Host: a:\r\n')]: 'whole',
  [with11('Host: a:65535\r\n')]: 'whole',
  [with11('Host: [::1]:80\r\n')]: 'whole',
  [with11('Host:\r\n')]: 'bad_request',
  [with11('Host:\r\n', 'GET / HTTP/1.0')]: 'bad_request',
  [with11('Host: a%2fb\r\n')]: 'bad_request',
  [with11('Host: a,b\r\n')]: 'bad_request',
  [with11('Host: a..b\r\n')]: 'bad_request',
  [with11('Host: a_b.c-d.:80\r\n')]: 'whole',
  // what a caller expects
  [with11(`${host}Expect: 100-Continue\r\n`)]: 'whole',
  [with11(`${host}Expect:\r\n`)]: 'whole',
  [with11(`${host}Expect: 200-ok\r\n`)]: 'expectation_failed',
  [with11(`${host}Expect: 100-continue, a\r\n`)]: 'expectation_failed',
  [with11(`${host}Expect: 200-ok\r\n`, 'GET / HTTP/1.0')]: 'whole',
  // methods
  [with11(host, 'get / HTTP/1.1')]: 'bad_request',
  [with11(host, 'G3T / HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET! / HTTP/1.1')]: 'bad_request',
  [with11(host, 'M-SEARCH / HTTP/1.1')]: 'whole',
  [with11(host, 'RPC_IN_DATA / HTTP/1.1')]: 'whole',
  [with11(host, 'TRACE / HTTP/1.1')]: 'whole',
  [with11(`${host}Content-Length: 1\r\n`, 'TRACE / HTTP/1.1')]: 'bad_request',
  [with11(`${host}Transfer-Encoding: chunked\r\n`, 'TRACE / HTTP/1.1')]: 'bad_request',
  // request line
  [with11(host, 'GET  / HTTP/1.1')]: 'bad_request',
  [with11(host, ' GET / HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET\t/ HTTP/1.1')]: 'bad_request',
  [with11(host, 'G@T / HTTP/1.1')]: 'bad_request',
  [with11(host, `${'X'.repeat(40)} / HTTP/1.1`)]: 'bad_request',
  [with11(host, 'GET / HTTP/1.1 ')]: 'bad_request',
  [with11(host, 'GET /')]: 'bad_request',
  [with11(host, 'GET HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET / http/1.1')]: 'bad_request',
  [with11(host, 'GET / HTTP/1')]: 'bad_request',
  [with11(host, 'GET / HTTP/11')]: 'bad_request',
  [with11(host, 'GET / HTTP/1.10')]: 'bad_request',
  [with11(host, 'GET / HTTP/2.0')]: 'version_not_supported',
  [with11(host, 'GET / HTTP/0.9')]: 'version_not_supported',
  [`GET / HTTP/1.1\n${host}\r\n`]: 'bad_request',
  [with11(host, 'GET /a#b HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET /\x7f HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET /\xe4 HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET a HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET ftp://a/ HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET http:///a HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET http://u@a/ HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET * HTTP/1.1')]: 'bad_request',
  [with11(host, 'OPTIONS * HTTP/1.1')]: 'whole',
  [with11('', 'GET http://a/ HTTP/1.1')]: 'bad_request',
  [with11(host, 'GET http://b:8080/c?d HTTP/1.1')]: 'whole',
  [with11(host, 'CONNECT a:80 HTTP/1.1')]: 'not_implemented',
  // limits
  [with11(host, `GET /${'x'.repeat(511)} HTTP/1.1`)]: 'whole',
  [with11(host, `GET /${'x'.repeat(512)} HTTP/1.1`)]: 'target_too_long',
  [with11(`${host}${'A: b\r\n'.repeat(19)}`)]: 'whole',
  [with11(`${host}${'A: b\r\n'.repeat(20)}`)]: 'head_too_large',
  [with11(`${host}A: ${'x'.repeat(2016)}\r\n`)]: 'whole',
  [with11(`${host}A: ${'x'.repeat(2048)}\r\n`)]: 'head_too_large',
  [with11(`${host}A: ${'x'.repeat(2048)}\0\r\n`)]: 'head_too_large',
};

t.test('each class of head has its verdict, the same however its bytes arrive', async (t) => {
  for (const [text, wanted] of Object.entries(cases)) {
    t.equal(read(text), wanted, JSON.stringify(text.slice(0, 100)));
    t.equal(readBytewise(text), wanted, `byte by byte: ${JSON.stringify(text.slice(0, 100))}`);
  }
});

t.test('a head says what routes ask for', async (t) => {
  const head = new RequestHead();
  const text = with11(
    'Host: Shop.Example:8080\r\nA: 1\r\nb:  two \r\nA: 3\r\nTRACEPARENT: x\r\n',
    'PATCH /a/b?c=/d HTTP/1.1',
  );
  t.equal(read(text, head), 'whole');
  t.equal(head.method, 'PATCH');
  t.equal(head.host, 'shop.example');
  t.equal(head.path, '/a/b');
  t.equal(head.query, 'c=/d');
  t.equal(head.header('a'), '1, 3');
  t.equal(head.header('b'), 'two');
  t.equal(head.header('none'), null);
  t.not(head.traceparentField, -1);
  t.equal(read(with11('Host: other\r\n', 'BREW / HTTP/1.1'), head), 'whole');
  t.equal(head.method, 'BREW');
  t.equal(head.host, 'other', 'a head is read anew on the same object');
  t.equal(head.traceparentField, -1);
  t.equal(head.header('a'), null);
  t.equal(head.query, '');
});

t.test('the query is what follows the first question mark', async (t) => {
  const queryOf = (target: string, method = 'GET') => {
    const head = new RequestHead();
    head.takesConnect = true;
    t.equal(read(with11('Host: a:1\r\n', `${method} ${target} HTTP/1.1`), head), 'whole', target);
    return [head.path, head.query];
  };
  t.strictSame(queryOf('/a'), ['/a', '']);
  t.strictSame(queryOf('/a?'), ['/a', '']);
  t.strictSame(queryOf('/a?b?c'), ['/a', 'b?c']);
  t.strictSame(queryOf('/?b=1'), ['/', 'b=1']);
  t.strictSame(queryOf('http://a:1/p?b=1'), ['/p', 'b=1']);
  t.strictSame(queryOf('http://a:1?b=1'), ['/', 'b=1']);
  t.strictSame(queryOf('http://a:1'), ['/', '']);
  t.strictSame(queryOf('*', 'OPTIONS'), ['*', '']);
  t.strictSame(queryOf('a:1', 'CONNECT'), ['/', '']);
});

t.test('several lines of Cookie are one list of cookies', async (t) => {
  const head = new RequestHead();
  t.equal(read(with11(`${host}Cookie: a=1\r\ncookie: b=2; c=3\r\n`), head), 'whole');
  t.equal(head.header('cookie'), 'a=1; b=2; c=3');
});

t.test('a head that is cut anywhere is partial and what follows it is left alone', async (t) => {
  const text = with11(`${host}A: b\r\n`);
  for (let cut = 0; cut < text.length; cut++) t.equal(read(text.slice(0, cut)), 'partial');
  const head = new RequestHead();
  t.equal(read(`${text}GET /next`, head), 'whole');
  t.equal(head.end, text.length);
});

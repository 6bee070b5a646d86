import t from 'tap';
import { readReplyHead } from '../../../dataplane/http1/read-reply-head.ts';
import { HeadVerdict } from '../../../dataplane/message/head.ts';
import { ReplyHead } from '../../../dataplane/message/reply-head.ts';

const limits = { headBytes: 512, headerCount: 10, targetBytes: 0 };

function verdictOf(text: string, isBytewise: boolean): string {
  const bytes = Buffer.from(text, 'latin1');
  const head = new ReplyHead();
  for (let to = isBytewise ? 1 : bytes.length; to <= bytes.length; to++) {
    const verdict = readReplyHead(head, bytes, 0, to, limits);
    if (verdict === HeadVerdict.refused) return head.refusal;
    if (verdict === HeadVerdict.whole) return `${head.status}`;
  }
  return 'partial';
}

const bad = 'upstream_protocol';
const cases: Record<string, string> = {
  'HTTP/1.1 200 OK\r\n\r\n': '200',
  'HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n': '404',
  'HTTP/1.1 200 \r\n\r\n': '200',
  'HTTP/1.1 200\r\n\r\n': '200',
  'HTTP/1.1 200 \x80\xff\r\n\r\n': '200',
  'HTTP/1.1 100 Continue\r\n\r\n': '100',
  'HTTP/1.1 103 X\r\nContent-Length: 0\r\n\r\n': '103',
  'HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n': bad,
  'HTTP/1.1 101 X\r\nTransfer-Encoding: chunked\r\n\r\n': bad,
  'HTTP/1.1 599 X\r\n\r\n': '599',
  'HTTP/1.1 600 X\r\n\r\n': bad,
  'HTTP/1.1 099 X\r\n\r\n': bad,
  'HTTP/1.1 2x0 X\r\n\r\n': bad,
  'HTTP/1.1 2000 X\r\n\r\n': bad,
  'HTTP/1.1  200 X\r\n\r\n': bad,
  'HTTP/1.1 200 a\0b\r\n\r\n': bad,
  'HTTP/1.1 200 a\rb\r\n\r\n': bad,
  'HTTP/1.1 200 OK\n\n': bad,
  'HTTP/1.2 200 OK\r\n\r\n': bad,
  'HTTP/2.0 200 OK\r\n\r\n': bad,
  'http/1.1 200 OK\r\n\r\n': bad,
  ' HTTP/1.1 200 OK\r\n\r\n': bad,
  '\r\nHTTP/1.1 200 OK\r\n\r\n': bad,
  'ICY 200 OK\r\n\r\n': bad,
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n': bad,
  'HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n': bad,
  'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n': bad,
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n': bad,
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n': bad,
  'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n': bad,
  [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(400)}\r\n\r\n`]: '200',
  [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(600)}\r\n\r\n`]: bad,
  [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(600)}\0\r\n\r\n`]: bad,
  [`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(100)}\r\n`]: 'head_too_large',
};

t.test('each class of reply head has its verdict, the same however its bytes arrive', async (t) => {
  for (const [text, wanted] of Object.entries(cases)) {
    t.equal(verdictOf(text, false), wanted, JSON.stringify(text.slice(0, 80)));
    t.equal(verdictOf(text, true), wanted, `byte by byte: ${JSON.stringify(text.slice(0, 80))}`);
  }
  // Its code is for people of the other side; towards the caller all of them are one.
  const folded = verdictOf('HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', false);
  t.equal(folded, verdictOf('HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', true));
  t.notMatch(folded, /^\d/);
});

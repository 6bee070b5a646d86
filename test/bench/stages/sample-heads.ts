import { readReplyHead } from '../../../dataplane/http1/read-reply-head.ts';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import { HeadVerdict } from '../../../dataplane/message/head.ts';
import { ReplyHead } from '../../../dataplane/message/reply-head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';

export const headLimits = { headBytes: 65_536, headerCount: 100, targetBytes: 16_384 } as const;

const browserFields = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Encoding: gzip, deflate, br',
  'Accept-Language: en-GB,en;q=0.7,de;q=0.3',
  'Cookie: session=6f1c2a9be07d4f3fb4b5; theme=dark; consent=all',
  'X-Request-Id: 1f0c9a44-5b1e-4f0e-9a55-0d5f6c1b7a10',
];

/** A call between services, a browser's, an upload with a length, and a chunked one. */
export const requestHeads: readonly Buffer[] = [
  ['GET /api/items/42?fields=name,price HTTP/1.1', 'Host: catalog'],
  ['GET /shop/tea?page=2 HTTP/1.1', 'Host: WWW.shop.example:8080', 'Connection: keep-alive', ...browserFields],
  [
    'POST /v1/orders HTTP/1.1',
    'host: orders',
    'content-type: application/json',
    'content-length: 1532',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
    'authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJvcmRlciJ9.c2lnbmF0dXJl',
  ],
  [
    'PUT /v1/images/7 HTTP/1.1',
    'Host: images',
    'Transfer-Encoding: chunked',
    'Connection: close, X-Hop',
    'X-Hop: 1',
    ...browserFields,
  ],
].map(toBytes);

export const replyHeads: readonly Buffer[] = [
  ['HTTP/1.1 200 OK', 'content-length: 1024', 'content-type: application/octet-stream'],
  [
    'HTTP/1.1 404 Not Found',
    'Date: Sat, 21 Nov 2026 10:00:00 GMT',
    'Server: origin/1.0',
    'Content-Type: application/problem+json',
    'Content-Length: 88',
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'Cache-Control: no-store',
  ],
  [
    'HTTP/1.1 200 OK',
    'Date: Sat, 21 Nov 2026 10:00:00 GMT',
    'Transfer-Encoding: chunked',
    'ETag: "5f2a-61c"',
    'Vary: Accept-Encoding, Origin',
    'Set-Cookie: session=6f1c2a9be07d4f3fb4b5; HttpOnly; Secure; SameSite=Lax',
    'Set-Cookie: theme=dark; Path=/',
  ],
].map(toBytes);

function toBytes(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

export function sampleRequestHead(bytes: Buffer): RequestHead {
  const head = new RequestHead();
  return whole(head, readRequestHead(head, bytes, 0, bytes.length, headLimits));
}

export function sampleReplyHead(bytes: Buffer): ReplyHead {
  const head = new ReplyHead();
  return whole(head, readReplyHead(head, bytes, 0, bytes.length, headLimits));
}

function whole<H extends RequestHead | ReplyHead>(head: H, verdict: HeadVerdict): H {
  if (verdict !== HeadVerdict.whole) throw new Error(`a sample is refused: ${head.refusalDetail}`);
  return head;
}

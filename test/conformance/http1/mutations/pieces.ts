/** What mutations put into messages: bytes, numbers and lines that readers are known to take differently. */

// biome-ignore format: reads best in rows
export const oddBytes: readonly string[] = [...'\r\n\0\t \x0b\x0c\x1f\x7f\x80\x85\xa0\xff:;,=?#/@%"\\_-+.0aAfFgzZ19'];

// biome-ignore format: reads best in rows
export const oddStrings: readonly string[] = ['\r\n', '\r\n\r\n', '\n', '\r', '\n\n', '\r\r\n', '\r\n ', '\r\n\t', '\0', ' ', '\t', ': ', ' :', '\x0b', '0\r\n\r\n'];

// biome-ignore format: reads best in rows
export const lineEnds: readonly string[] = ['\n', '\r', '\r\r\n', '\n\r', ' \r\n', '\r\n ', '\r\n\t', '\0\r\n', '\r\n\r\n', ''];

// biome-ignore format: reads best in rows
export const colons: readonly string[] = [' :', '\t:', ': ', ':', ':\t', ':\x0b', ':\x0c', ': \t ', '', '::', ';', '\r\n:', ':\r\n ', '\0:', ':\xa0'];

// biome-ignore format: reads best in rows
export const numbers: readonly string[] = [
  '', '0', '00', '-0', '+0', '-1', '+1', '1', '2', '3', '0x5', '5,5', '5, 5', '5 5', ' 5', '5 ', '5\t', '5;', '1e1', '1.0', '0b1',
  '2147483647', '2147483648', '4294967295', '4294967296', '9007199254740991', '9007199254740992', '9223372036854775807',
  '18446744073709551615', '18446744073709551616', '99999999999999999999', 'ffffffff', 'fffffffffffff', '10000000000000', 'ffffffffffffffff',
  '10000000000000000', '0000000000000000', '00000000000000005', 'NaN', 'a', 'A', 'g',
];

// biome-ignore format: reads best in rows
export const framingLines: readonly string[] = [
  'Content-Length: 0', 'Content-Length: 5', 'Content-Length: 100', 'Content-Length:', 'Content-Length : 5', 'content-length:5',
  'Content-Length: 5, 5', 'Content-Length: +5', 'Content-Length: 5\0', 'Content-Length\0: 5', 'Content_Length: 5', 'Content-Length: 0x5',
  'Transfer-Encoding: chunked', 'transfer-encoding:chunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding: Chunked',
  'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity', 'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding: "chunked"',
  'Transfer-Encoding:\tchunked', 'Transfer-Encoding: chunked\t', 'Transfer-Encoding:\x0bchunked', 'Transfer-Encoding: chunked\0',
  'Transfer-Encoding:', 'Transfer-Encoding: \xfechunked', 'Transfer_Encoding: chunked', 'TRANSFER-ENCODING: CHUNKED',
  'Transfer-Encoding:\r\n chunked', 'X: y\rTransfer-Encoding: chunked', 'X: y\nTransfer-Encoding: chunked', ' Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked,', 'Transfer-Encoding: ,chunked', 'Transfer-Encoding: trailers, chunked', 'Transfer-Encod\xefng: chunked',
  'Host: b', 'Host:', 'host : b', 'Host: b:99999', 'Host: a b', 'Host: b@c', 'Host: [::1', 'Host: b/c', 'Host: %zz', 'Host: :80', 'Host: [::::]',
  'Connection: close', 'Connection: keep-alive', 'Connection: Transfer-Encoding', 'Connection: Content-Length', 'Connection: Host',
  'Connection: Upgrade', 'Connection: x-a, te, trailer', 'Connection: ,,,', `Connection: ${'a,'.repeat(20)}b`, 'Connection: close\0',
  'Upgrade: websocket', 'Upgrade: h2c', 'Upgrade: websocket, h2c', 'HTTP2-Settings: AAMA', 'Keep-Alive: timeout=5', 'Proxy-Connection: close',
  'TE: trailers, chunked', 'TE: chunked', 'Trailer: Content-Length, Host', 'Trailer: X-A', 'Expect: 100-continue', 'Expect: 200-ok',
  'X-A: 1', 'X-Meshlane-Reason: overloaded', 'x_forwarded_for: 1', 'X-Forwarded-For: 1', 'Forwarded: for=1', 'Max-Forwards: 0', 'Max-Forwards: 1',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'b3: 0', 'b3: \r\n', ': b', ':', 'a', '', '\x80: a', 'a\x80: b', '"a": b',
];

// biome-ignore format: reads best in rows
export const chunkLines: readonly string[] = [
  '0', '00', '000000000000000', '0000000000000000', '00000000000000000', '5', '05', '5 ', ' 5', '5\t', '5;', '5;a', '5;a=b', '5 ; a = b', '5;a="b',
  '5;a="b\\"', '5;\0', '5;\n', '5;a\rb', '5,', '5 5', '0x5', '-5', '+5', '5.0', 'g', '5g', '', '\n5', '7fffffff', '80000000', 'ffffffff', '100000000',
  '1fffffffffffff', 'fffffffffffff', '7fffffffffffffff', 'ffffffffffffffff', '10000000000000005', `5;${'a'.repeat(2000)}`, '0;a', '0 ', '0\t;b',
];

// biome-ignore format: reads best in rows
export const startLines: readonly string[] = [
  'GET / HTTP/1.1', 'GET / HTTP/1.0', 'GET / HTTP/1.2', 'GET / HTTP/2.0', 'GET / HTTP/0.9', 'GET /', 'GET', 'get / http/1.1', 'GET  / HTTP/1.1',
  'GET / HTTP/1.1 ', 'GET\t/\tHTTP/1.1', 'GET / HTTP/1.1x', 'GET / HTTP/01.1', 'GET / HTTP/1.10', 'GET /a b HTTP/1.1', 'GET a HTTP/1.1', 'GET * HTTP/1.1',
  'OPTIONS * HTTP/1.1', 'OPTIONS http://app HTTP/1.1', 'OPTIONS http://app?x HTTP/1.1', 'GET http://app HTTP/1.1', 'GET http://app?x HTTP/1.1',
  'GET http:///x HTTP/1.1', 'GET http://u@app/ HTTP/1.1', 'GET http://app:/ HTTP/1.1', 'GET http://[::1]/ HTTP/1.1', 'GET http://[zz]/ HTTP/1.1',
  'GET ftp://app/ HTTP/1.1', 'GET //app/ HTTP/1.1', 'GET /a#b HTTP/1.1', 'GET /\\x HTTP/1.1', 'GET /%00 HTTP/1.1', 'CONNECT app:80 HTTP/1.1',
  'CONNECT / HTTP/1.1', 'HEAD / HTTP/1.1', 'TRACE / HTTP/1.1', 'PRI * HTTP/2.0', 'G(T / HTTP/1.1', `${'M'.repeat(33)} / HTTP/1.1`, ' GET / HTTP/1.1',
  'HTTP/1.1 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1  200 OK', 'HTTP/1.1 2OO OK', 'HTTP/1.1 099 X', 'HTTP/1.1 600 X',
  'HTTP/1.1 100 X', 'HTTP/1.1 101 X', 'HTTP/1.1 199 X', 'HTTP/1.1 204 X', 'HTTP/1.1 205 X', 'HTTP/1.1 304 X', 'HTTP/1.1 20 X', 'HTTP/1.1 2000 X',
  'HTTP/1.1 -20 X', 'HTTP/1.1 200 \x80\xff', 'HTTP/1.1 200 \0', 'HTTP/1.2 200 OK', 'HTTP/2 200', 'ICY 200 OK', 'HTTP/1.1 502 X', 'HTTP/1.0 100 X',
];

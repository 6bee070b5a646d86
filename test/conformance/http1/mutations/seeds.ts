/** What mutations begin with: messages that are right, and some that attacks are made of. One character is a byte. */

const chunked = 'Transfer-Encoding: chunked\r\n';

export const rightRequests: readonly string[] = [
  'GET / HTTP/1.1\r\nHost: app\r\n\r\n',
  'GET /a/b?c=d&e HTTP/1.1\r\nHost: app:80\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n',
  'HEAD /head HTTP/1.1\r\nHost: app\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: app\r\nMax-Forwards: 0\r\n\r\n',
  'OPTIONS http://app HTTP/1.1\r\nHost: app\r\n\r\n',
  'GET http://app/x?y HTTP/1.1\r\nHost: app\r\n\r\n',
  'GET /old HTTP/1.0\r\n\r\n',
  'GET /old HTTP/1.0\r\nHost: app\r\nConnection: keep-alive\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello',
  'PUT /p HTTP/1.1\r\nhost: [::1]:80\r\ncontent-length: 0\r\n\r\n',
  `POST /c HTTP/1.1\r\nHost: app\r\n${chunked}\r\n5\r\nhello\r\n0\r\n\r\n`,
  `POST /c HTTP/1.1\r\n${chunked}Host: app\r\nTrailer: X-Sum\r\n\r\n5;a=b\r\nhello\r\n00A;c="d e"\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n`,
  'GET / HTTP/1.1\r\nHost: app\r\nConnection: close, X-A\r\nX-A: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nCookie: a=b; c=d\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n',
  'POST /e HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
  'GET /1 HTTP/1.1\r\nHost: app\r\n\r\nPOST /2 HTTP/1.1\r\nHost: app\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: app\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: app\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: app\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVia: 1.1 x\r\nx-meshlane-reason: x\r\n\r\n',
];

export const attackRequests: readonly string[] = [
  `POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 6\r\n${chunked}\r\n0\r\n\r\nG`,
  'POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n12345',
  'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: xchunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: app\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.0\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  `POST / HTTP/1.1\r\nHost: app\r\n${chunked}\r\n1\n\nx\r\n0\r\n\r\n`,
  `POST / HTTP/1.1\r\nHost: app\r\n${chunked}\r\n2;\nxx\r\n45\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: app\r\n\r\n`,
  `POST / HTTP/1.1\r\nHost: app\r\n${chunked}\r\nfffffffffffffffe\r\nhello\r\n0\r\n\r\n`,
  `POST / HTTP/1.1\r\nHost: app\r\n${chunked}\r\n0\r\nContent-Length: 5\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: app\r\n\r\n`,
  'GET / HTTP/1.1\r\nHost: app\r\nHost: b\r\n\r\n',
  'GET http://b/ HTTP/1.1\r\nHost: app\r\n\r\n',
  'GET http://app@b/ HTTP/1.1\r\nHost: app@b\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: app\r\nX: y\r\n folded: z\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: app\r\nX: a\rb\nc\0d\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: app\r\nConnection: Host, Content-Length, Transfer-Encoding\r\nContent-Length: 2\r\n\r\nhi',
  'GET / HTTP/1.1\r\nHost: app\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n',
  '\r\n\r\nGET / HTTP/1.1\r\nHost: app\r\n\r\n',
  'GET /\x00 HTTP/1.1\r\nHost: app\r\n\r\n',
  'GET / HTTP/1.1\nHost: app\n\n',
];

export const requestSeeds: readonly string[] = [...rightRequests, ...attackRequests];

export const rightReplies: readonly string[] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-From: seed\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  `HTTP/1.1 200 OK\r\n${chunked}\r\n5\r\nhello\r\n0\r\n\r\n`,
  `HTTP/1.1 200 OK\r\n${chunked}Trailer: X-Sum\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n`,
  'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno',
  'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.1 503 Service Unavailable\r\nx-meshlane-reason: upstream_connect\r\nContent-Length: 2\r\n\r\nno',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello',
  'HTTP/1.1 200 OK\r\nConnection: X-A, close\r\nX-A: b\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\nhi',
];

export const attackReplies: readonly string[] = [
  `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n${chunked}\r\n0\r\n\r\n`,
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello1',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
  'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.1 200 OK\nContent-Length: 2\n\nhi',
  'HTTP/2 200\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nhi',
];

export const replySeeds: readonly string[] = [...rightReplies, ...attackReplies];

import fc from 'fast-check';
import t from 'tap';
import { isHttp1, isHttp2, isTls } from '../../../dataplane/listener/first-bytes.ts';
import { preface } from '../../../shared/http2/frame.ts';
import { holdsFor } from '../../harness/property.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** What is said after each byte: nothing for a while, then one thing. */
function outcomes(ask: (bytes: Buffer) => boolean | null, text: string): (boolean | null)[] {
  const bytes = latin1(text);
  return Array.from({ length: bytes.length }, (_, i) => ask(bytes.subarray(0, i + 1)));
}

const decidedAt = (ask: (bytes: Buffer) => boolean | null, text: string) => {
  const all = outcomes(ask, text);
  const place = all.findIndex((outcome) => outcome !== null);
  return place === -1 ? 'undecided' : `${all[place]} after ${JSON.stringify(text.slice(0, place + 1))}`;
};

t.test('a request line is known by its version', async (t) => {
  for (const [text, decided] of [
    ['GET / HTTP/1.1\r\n', 'true after "GET / HTTP/"'],
    ['OPTIONS * HTTP/1.0\r\n', 'true after "OPTIONS * HTTP/"'],
    ['\r\nM-SEARCH * HTTP/1.1', 'true after "\\r\\nM-SEARCH * HTTP/"'],
    ['CONNECT db:5432 HTTP/1.1', 'true after "CONNECT db:5432 HTTP/"'],
    ['GET http://a/b?c HTTP/9', 'true after "GET http://a/b?c HTTP/"'],
    ['PRI * HTTP/2.0', 'true after "PRI * HTTP/"'],
    ['GET /', 'undecided'],
    [`${'A'.repeat(32)} / HTTP/`, `true after ${JSON.stringify(`${'A'.repeat(32)} / HTTP/`)}`],
    [`${'A'.repeat(33)} / HTTP/`, `false after ${JSON.stringify('A'.repeat(33))}`],
  ] as const)
    t.equal(decidedAt(isHttp1, text), decided, JSON.stringify(text));
});

t.test('other protocols are known by what no request line has, those in words as well', async (t) => {
  for (const [text, decided] of [
    ['*1\r\n$4\r\nPING\r\n', 'false after "*"'],
    ['get key\r\n', 'false after "g"'],
    ['SSH-2.0-x\r\n', 'false after "SSH-2"'],
    ['PING\r\n', 'false after "PING\\r"'],
    ['NICK ada\r\n', 'false after "NICK ada\\r"'],
    ['SET a b\r\n', 'false after "SET a b"'],
    ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'false after "PROXY TCP4 1"'],
    ['OPTIONS rtsp://a RTSP/1.0\r\n', 'false after "OPTIONS rtsp://a R"'],
    ['REGISTER sip:a SIP/2.0\r\n', 'false after "REGISTER sip:a S"'],
    ['GET  / HTTP/1.1\r\n', 'false after "GET  "'],
    ['GET /\r\n', 'false after "GET /\\r"'],
    ['\rGET', 'false after "\\rG"'],
    ['\n', 'false after "\\n"'],
    ['\0\0\0\x08\x04\xd2\x16\x2f', 'false after "\\u0000"'],
    [' GET / HTTP/1.1', 'false after " "'],
  ] as const)
    t.equal(decidedAt(isHttp1, text), decided, JSON.stringify(text));
});

t.test('a target that goes on up to the bound is left to HTTP/1, which has words for it', async (t) => {
  const line = latin1(`GET /${'a'.repeat(20_000)}`);
  t.equal(isHttp1(line.subarray(0, 16_383)), null);
  t.equal(isHttp1(line.subarray(0, 16_384)), true);
  t.equal(isHttp1(line), true);
});

t.test('HTTP/2 and TLS are known by how they begin', async (t) => {
  t.equal(decidedAt(isHttp2, preface.toString('latin1')), `true after ${JSON.stringify(preface.toString('latin1'))}`);
  t.equal(decidedAt(isHttp2, 'PRI * HTTP/1.1'), 'false after "PRI * HTTP/1"');
  t.equal(decidedAt(isHttp2, 'GET'), 'false after "G"');
  t.strictSame(outcomes(isTls, '\x16\x03\x01'), [null, null, true]);
  t.strictSame(outcomes(isTls, '\x16\x03\x04'), [null, null, true]);
  t.strictSame(outcomes(isTls, '\x16\x03\x10'), [null, null, false]);
  t.strictSame(outcomes(isTls, '\x16\x02'), [null, false]);
  t.strictSame(outcomes(isTls, '\x15'), [false]);
});

t.test('what is said once is said of all that follows', async (t) => {
  const piece = fc.constantFrom(
    'GET',
    ' ',
    '/',
    '\r\n',
    'HTTP/',
    '\x16\x03',
    '\x01',
    'PRI * HTTP/2.0\r\n\r\n',
    'SM',
    'a',
    '\0',
  );
  const text = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
  holdsFor(t, text, { runs: 3000, show: (value) => JSON.stringify(value) }, (value) => {
    for (const ask of [isHttp1, isHttp2, isTls]) {
      const said = outcomes(ask, value);
      const first = said.find((outcome) => outcome !== null) ?? null;
      const isSteady = said.every((outcome, i) => outcome === (i < said.indexOf(first) ? null : first));
      if (!isSteady) throw new Error(`${ask.name}: ${said.join(', ')}`);
    }
  });
});

import t from 'tap';
import { noLength } from '../../../dataplane/message/head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { requestFields } from '../../harness/http2/frame-client.ts';
import { headerBlock, literal } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import { assembleRequest, fieldsIn, usualLimits } from './assembling.ts';

const overhead = 32; // of each field (RFC 9113 §6.5.2)
const sizeOf = (fields: readonly Field[]) =>
  fields.reduce((sum, [name, value]) => sum + name.length + value.length + overhead, 0);
const target = (head: RequestHead) => head.bytes.toString('latin1', head.targetStart, head.targetEnd);

t.test('a request has the line, the fields and the host that HTTP/1.1 would have given it', async (t) => {
  const more: Field[] = [
    ['accept', '*/*'],
    ['x-empty', ''],
    ['x-text', 'a\tb c\xff'],
  ];
  const { head, outcome } = assembleRequest(requestFields('PATCH', '/a/b?c=d?e', 'App:8080', more));
  t.equal(outcome, 'whole');
  t.match(head, { method: 'PATCH', path: '/a/b', host: 'app', contentLength: 0, isChunked: false, isHttp2: true });
  t.equal(target(head), '/a/b?c=d?e');
  t.strictSame(fieldsIn(head), more);
  const line = head.bytes.toString('latin1', head.start, head.targetEnd);
  t.equal(line, 'PATCH /a/b?c=d?e');
});

t.test('pseudo-fields may come in any order, and a head may have nothing else', async (t) => {
  const all = requestFields('GET', '/a');
  for (const fields of [all, [...all].reverse()]) {
    const { head, outcome } = assembleRequest(fields);
    t.equal(outcome, 'whole');
    t.match(head, { method: 'GET', path: '/a', host: 'app', fieldCount: 0 });
  }
});

t.test('where the body ends is said as in HTTP/1.1', async (t) => {
  const cases: readonly [string, boolean, string, { contentLength: number; isChunked: boolean }][] = [
    ['GET', true, '', { contentLength: noLength, isChunked: false }],
    ['GET', true, '0', { contentLength: 0, isChunked: false }],
    ['POST', true, '', { contentLength: 0, isChunked: false }],
    ['GET', false, '', { contentLength: noLength, isChunked: true }],
    ['POST', false, '', { contentLength: noLength, isChunked: true }],
    ['POST', false, '5', { contentLength: 5, isChunked: false }],
  ];
  for (const [method, isWhole, length, wanted] of cases) {
    const more: Field[] = length === '' ? [] : [['content-length', length]];
    const { head, outcome } = assembleRequest(requestFields(method, '/', 'app', more), { isWhole });
    t.equal(outcome, 'whole');
    t.match(head, wanted, `${method} ${length}`);
  }
  t.equal(
    assembleRequest(requestFields('POST', '/', 'app', [['content-length', '5']])).outcome,
    'a Content-Length and no body',
  );
});

t.test(
  'a host beside the authority says the same or makes the request malformed, and stands for one that is missing',
  async (t) => {
    const withHost = (authority: string | null, host: string) =>
      assembleRequest([
        ...requestFields('GET', '/', authority ?? '').filter(([name]) => name !== ':authority' || authority !== null),
        ['host', host],
      ]);
    for (const host of ['app', 'APP']) {
      const { head, outcome } = withHost('app', host);
      t.equal(outcome, 'whole');
      t.equal(head.host, 'app');
      t.strictSame(fieldsIn(head), [], 'it is said once');
    }
    t.equal(withHost('app', 'other').outcome, 'a Host that says other than :authority');
    t.equal(withHost('', 'other').outcome, 'a Host that says other than :authority');
    t.equal(withHost(null, 'alone').head.host, 'alone');
    t.match(withHost(null, '').outcome, /^bad_request/);
    t.match(assembleRequest(requestFields('GET', '/', '')).outcome, /^bad_request/);
    t.match(assembleRequest(requestFields('GET', '/', 'user@app')).outcome, /^bad_request/);
  },
);

t.test('crumbs of a cookie become one field, in their order', async (t) => {
  const cookies = (...values: string[]) =>
    fieldsIn(
      assembleRequest(
        requestFields(
          'GET',
          '/',
          'app',
          values.map((value) => ['cookie', value]),
        ),
      ).head,
    );
  t.strictSame(cookies('a=1'), [['cookie', 'a=1']]);
  t.strictSame(cookies('a=1', 'b=2', 'c=3'), [['cookie', 'a=1; b=2; c=3']]);
  const { head } = assembleRequest(
    requestFields('GET', '/', 'app', [
      ['cookie', 'a'],
      ['x', 'y'],
      ['cookie', 'b'],
    ]),
  );
  t.strictSame(fieldsIn(head), [
    ['x', 'y'],
    ['cookie', 'a; b'],
  ]);
});

t.test('a field that may enter no table stays one, also as a crumb of a cookie', async (t) => {
  const never = (head: RequestHead) => head.neverIndexed?.map((place) => head.valueAt(place)) ?? [];
  const block = (...fields: readonly Buffer[]) => Buffer.concat([headerBlock(requestFields('GET')), ...fields]);
  const secret = literal(['x-secret', 's'], 'never');
  t.strictSame(never(assembleRequest(block(literal(['x', 'y']), secret)).head), ['s']);
  const [plain, kept] = [literal(['cookie', 'a=1']), literal(['cookie', 'b=2'], 'never')];
  t.strictSame(never(assembleRequest(block(kept)).head), ['b=2']);
  t.strictSame(never(assembleRequest(block(plain, kept)).head).slice(-1), ['a=1; b=2']);
  t.strictSame(never(assembleRequest(block(plain, plain)).head), []);
});

t.test('a head at its bounds is taken, one beyond any of them is refused', async (t) => {
  const fields = requestFields('GET', '/path', 'app', [['x-a', 'v'.repeat(100)]]);
  const bounds = { headBytes: sizeOf(fields), headerCount: fields.length, targetBytes: 5 };
  t.equal(assembleRequest(fields, { limits: bounds }).outcome, 'whole');
  for (const [bound, code] of [
    ['headBytes', 'head_too_large'],
    ['headerCount', 'head_too_large'],
    ['targetBytes', 'target_too_long'],
  ] as const) {
    const limits = { ...bounds, [bound]: bounds[bound] - 1 };
    t.match(assembleRequest(fields, { limits }).outcome, new RegExp(`^${code}`), bound);
  }
  const many = requestFields(
    'GET',
    '/',
    'app',
    Array.from({ length: 500 }, () => ['x', ''] as const),
  );
  const { head, outcome } = assembleRequest(many, { limits: usualLimits });
  t.match(outcome, /^head_too_large/);
  t.ok(head.fieldCount <= 100, 'what is beyond the bound is not kept');
  const fat = requestFields('GET', '/', 'app', [['x', 'v'.repeat(200_000)]]);
  t.ok(assembleRequest(fat, { limits: usualLimits }).head.bytes.length < 70_000);
});

t.test('an extended CONNECT for a WebSocket becomes the upgrade of HTTP/1.1, others are not known', async (t) => {
  const connect = (protocol: string, method = 'CONNECT') =>
    assembleRequest([[':protocol', protocol], ...requestFields(method, '/chat?room=1')], { isWhole: false });
  const { head, outcome } = connect('websocket');
  t.equal(outcome, 'whole');
  t.match(head, { method: 'GET', path: '/chat', connectionUpgrade: true, connectPort: 0, isChunked: false });
  t.equal(head.bytes.toString('latin1', head.start, head.targetEnd), 'GET /chat?room=1');
  t.equal(head.header('upgrade'), 'websocket');
  t.match(head.header('sec-websocket-key'), /^[\w+/]{22}==$/);
  t.not(connect('websocket').head.header('sec-websocket-key'), head.header('sec-websocket-key'));
  t.match(connect('connect-udp').outcome, /^not_implemented/);
  t.equal(connect('websocket', 'GET').outcome, ':protocol without CONNECT');
});

t.test('a CONNECT has an authority with a port, and nothing else', async (t) => {
  const connect = (authority: string, takesConnect = true) =>
    assembleRequest(
      [
        [':method', 'CONNECT'],
        [':authority', authority],
      ],
      { takesConnect },
    );
  t.match(connect('db:5432'), { outcome: 'whole', head: { connectPort: 5432, host: 'db' } });
  t.match(connect('db:5432', false).outcome, /^not_implemented/);
  for (const authority of ['db', 'db:', 'db:0', 'db:65536'])
    t.match(connect(authority).outcome, /^bad_request/, authority);
  t.match(assembleRequest(requestFields('CONNECT'), { takesConnect: true }).outcome, /^a CONNECT with/);
});

t.test('nothing of a head is left in the next one that uses its memory', async (t) => {
  const head = new RequestHead();
  const first = requestFields('PUT', '/first?long', 'first:1', [
    ['content-length', '3'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
  ]);
  assembleRequest(first, { head, isWhole: false });
  t.match(head, { contentLength: 3, takesTrailers: true, isGrpc: true });
  assembleRequest(requestFields('GET', '/b', 'second'), { head });
  const fresh = assembleRequest(requestFields('GET', '/b', 'second')).head;
  const { bytes: _, offsets: __, names: ___, ...seen } = head;
  const { bytes: _____, offsets: ______, names: _______, ...wanted } = fresh;
  t.strictSame(seen, wanted);
});

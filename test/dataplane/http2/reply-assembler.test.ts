import t from 'tap';
import { noLength } from '../../../dataplane/message/head.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import { assembleReply, assembleTrailers, fieldsIn } from './assembling.ts';

const reply = (status: string, ...more: readonly Field[]): Field[] => [[':status', status], ...more];

t.test('a reply reads as HTTP/1.1 would have sent it', async (t) => {
  const { head, outcome } = assembleReply(reply('404', ['server', 'a b'], ['content-length', '3']));
  t.equal(outcome, 'whole');
  t.match(head, { status: 404, contentLength: 3, isEmpty: false, isHttp2: true });
  t.equal(head.bytes.toString('latin1', head.start, head.reasonEnd), 'HTTP/1.1 404 Not Found');
  t.equal(head.bytes.toString('latin1', head.fieldsStart, head.end - 2), 'server: a b\r\ncontent-length: 3\r\n');
  t.match(assembleReply(reply('200'), { isWhole: true }).head, { isEmpty: true, contentLength: noLength });
});

t.test('a status is three digits from 100 to 599, and never 101', async (t) => {
  for (const status of ['100', '103', '200', '599']) t.equal(assembleReply(reply(status)).outcome, 'whole', status);
  for (const status of ['', '20', '2000', '099', '600', '101', '2x0', '+20', ' 20', '20 '])
    t.match(assembleReply(reply(status)).outcome, /^upstream_protocol/, `"${status}"`);
});

t.test('a head that is none is a fault of the instance', async (t) => {
  const faults: Readonly<Record<string, readonly Field[]>> = {
    'no status': [['server', 'a']],
    'nothing at all': [],
    'two of them': [...reply('200'), ...reply('200')],
    'a status behind a field': [['server', 'a'], ...reply('200')],
    'a pseudo-field of requests': reply('200', [':path', '/']),
    'one of connections': reply('200', ['connection', 'close']),
    'a coding': reply('200', ['transfer-encoding', 'chunked']),
    'a capital': reply('200', ['Server', 'a']),
    'a line end': reply('200', ['server', 'a\nb']),
    'two lengths': reply('200', ['content-length', '1'], ['content-length', '2']),
    'a length that is none': reply('200', ['content-length', '-1']),
    'a body of an interim reply': reply('103', ['content-length', '1']),
  };
  for (const [name, fields] of Object.entries(faults))
    t.match(assembleReply(fields).outcome, /^upstream_protocol/, name);
  t.match(assembleReply(reply('103'), { isWhole: true }).outcome, /interim reply that ends/);
});

t.test('a head at its bounds is taken, one beyond any of them is not', async (t) => {
  const fields = reply('200', ['x-a', 'v'.repeat(50)]);
  const headBytes = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  const bounds = { headBytes, headerCount: 2, targetBytes: 1 };
  t.equal(assembleReply(fields, { limits: bounds }).outcome, 'whole');
  t.match(assembleReply(fields, { limits: { ...bounds, headBytes: headBytes - 1 } }).outcome, /^upstream_protocol/);
  t.match(assembleReply(fields, { limits: { ...bounds, headerCount: 1 } }).outcome, /^upstream_protocol/);
});

t.test('trailers are fields alone, within the bounds of a head', async (t) => {
  const fields: Field[] = [
    ['x-end', 'a'],
    ['grpc-status', '0'],
  ];
  const { head, outcome } = assembleTrailers(fields);
  t.equal(outcome, 'whole');
  t.strictSame(fieldsIn(head), fields);
  t.equal(assembleTrailers([]).outcome, 'whole');
  for (const fault of [
    [':status', '200'],
    [':path', '/'],
    ['connection', 'close'],
    ['X-End', 'a'],
    ['x', 'a\r'],
  ] as const)
    t.not(assembleTrailers([...fields, fault]).outcome, 'whole', fault[0]);
  const bounds = { headBytes: 1000, headerCount: 2, targetBytes: 1 };
  t.equal(assembleTrailers(fields, { limits: bounds }).outcome, 'whole');
  t.match(assembleTrailers(fields, { limits: { ...bounds, headerCount: 1 } }).outcome, /too large/);
  t.match(assembleTrailers(fields, { limits: { ...bounds, headBytes: 80 } }).outcome, /too large/);
});

import t, { type Test } from 'tap';
import type { Fields } from '../../harness/grpc/fields.ts';
import { twoProxies } from './two-proxies.ts';

/** Fields of calls, through the proxies of a caller and of a server: what gRPC needs and what applications say. */

/** Every field of `sent` is there with all its values, in order. */
function checkFields(t: Test, got: Fields | null, sent: Readonly<Record<string, string | string[]>>): void {
  for (const [name, values] of Object.entries(sent)) t.strictSame(got?.get(name), [values].flat(), name);
}

const bytes = [0, 1, 127, 128, 255].map((byte) => Buffer.from([byte, byte, byte]).toString('base64'));
const longest = 'x'.repeat(7000);

const metadata = {
  'x-plain': 'one value',
  'x-several': ['first', 'second, with a comma', 'first'],
  'x-key-bin': bytes,
  'x-padded-bin': 'AQ==',
  'x-joined-bin': 'AQI,AwQ',
  'x.dotted': 'yes',
  'x-empty': '',
  'x-long': longest,
};

t.test('the server gets what gRPC needs of a request, and its metadata', async (t) => {
  const { server, client } = await twoProxies(t, (call) => call.answer(Buffer.from('answer')));
  const needed = {
    te: 'trailers',
    'content-type': 'application/grpc+proto',
    'grpc-encoding': 'gzip',
    'grpc-accept-encoding': 'identity,deflate,gzip',
    'grpc-message-type': 'pkg.Request',
    'user-agent': 'grpc-test/1.0 (wire; test)',
  };
  const { status } = await client.ask('/pkg.Service/Method', { fields: { ...needed, ...metadata } });
  t.equal(status, 0);
  const { fields } = server.calls[0]!;
  checkFields(t, fields, { ':method': 'POST', ':path': '/pkg.Service/Method', ...needed, ...metadata });
});

t.test('the caller gets a reply’s head and trailers whole, and nothing else in the trailers', async (t) => {
  const trailers = {
    'grpc-message': '%09%E2%98%BA %F0%9F%98%88%25',
    'grpc-status-details-bin': Buffer.alloc(300, 7).toString('base64'),
    ...metadata,
  };
  const { client } = await twoProxies(t, (call) => {
    call.head({ 'grpc-encoding': 'gzip', ...metadata });
    call.send(Buffer.from('answer'));
    call.end(9, trailers);
  });
  const end = await client.ask('/pkg.Service/Method');
  checkFields(t, end.head, {
    ':status': '200',
    'content-type': 'application/grpc',
    'grpc-encoding': 'gzip',
    ...metadata,
  });
  checkFields(t, end.trailers, { 'grpc-status': '9', ...trailers });
  t.equal(end.trailers?.size, Object.keys(trailers).length + 1);
  t.equal(end.text, '\t☺ 😈%');
});

t.test('a reply of trailers only stays one', async (t) => {
  const { client } = await twoProxies(t, (call) => call.end(5, { 'grpc-message': 'no%20such', ...metadata }));
  const end = await client.ask('/pkg.Service/Method');
  t.ok(end.isTrailersOnly);
  checkFields(t, end.trailers, { ':status': '200', 'grpc-status': '5', 'grpc-message': 'no%20such', ...metadata });
});

t.test('a reply with a head and no message keeps both its parts', async (t) => {
  const { client } = await twoProxies(t, (call) => {
    call.head({ 'x-head': 'mine' });
    call.end(0, { 'x-end': 'mine' });
  });
  const end = await client.ask('/pkg.Service/Method');
  t.notOk(end.isTrailersOnly);
  checkFields(t, end.head, { 'x-head': 'mine' });
  checkFields(t, end.trailers, { 'grpc-status': '0', 'x-end': 'mine' });
});

t.test('every status travels as it is', async (t) => {
  const { client } = await twoProxies(t, (call) => {
    call.head();
    call.end(Number(call.path.split('/').at(-1)));
  });
  for (let status = 0; status <= 16; status++) t.equal((await client.ask(`/pkg.Service/${status}`)).status, status);
});

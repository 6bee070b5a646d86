import t from 'tap';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { grpcServiceAt } from '../grpc/resources.ts';
import { webCall, webCallOverHttp2 } from '../grpc/web-caller.ts';
import { route } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Filters of calls of gRPC and gRPC-Web. */

const path = '/shop.v1.Cart/Add';
const message = Buffer.from('question');

const metadata = [
  {
    type: 'RequestHeaderModifier',
    requestHeaderModifier: {
      set: [{ name: 'x-set', value: 'new' }],
      add: [{ name: 'x-add', value: 'b' }],
      remove: ['x-gone'],
    },
  },
  {
    type: 'ResponseHeaderModifier',
    responseHeaderModifier: { set: [{ name: 'x-reply', value: 'new' }], remove: ['x-secret'] },
  },
];

async function before(t: Owner, filters: readonly object[], answer: (call: ServedCall) => void) {
  const server = await wireServer(t, answer);
  const answers = filters.some((filter) => /Redirect|DirectResponse/.test((filter as { type: string }).type));
  const rule = { filters, ...(answers ? {} : { backends: [{ service: 'app' }] }) };
  const { port } = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), route('r', [rule])] });
  return { port, server };
}

const answered = (call: ServedCall) => call.answer(Buffer.from('answer'), { 'x-reply': 'old', 'x-secret': '1' });
const sent = { 'x-set': 'old', 'x-add': 'a', 'x-gone': '1' };

function checkFields({ fields }: ServedCall, t: { strictSame(a: unknown, b: unknown): unknown }): void {
  const seen = ['x-set', 'x-add', 'x-gone', 'content-type', 'te'].map((name) => fieldOf(fields, name));
  t.strictSame(seen, ['new', 'a,b', undefined, seen[3], 'trailers']);
}

t.test('metadata of calls is changed, and trailers are not', async (t) => {
  const { port, server } = await before(t, metadata, answered);
  const client = await wireClient(t, port);
  const end = await client.ask(path, { fields: sent });
  t.equal(end.status, 0);
  t.equal(fieldOf(end.head!, 'x-reply'), 'new');
  t.equal(fieldOf(end.head!, 'x-secret'), undefined);
  checkFields(server.calls[0]!, t);
});

t.test('a call that ends in its head keeps its status', async (t) => {
  const { port } = await before(t, metadata, (call) => call.end(5, { 'grpc-message': 'gone' }));
  const end = await (await wireClient(t, port)).ask(path);
  t.ok(end.isTrailersOnly);
  t.equal(end.status, 5);
  t.equal(fieldOf(end.trailers!, 'x-reply'), 'new');
});

t.test('a call that is held and tried again has its reply edited once', async (t) => {
  const server = await wireServer(t, (call) => {
    if (call.index === 0) call.end(14);
    else call.answer(Buffer.from('answer'), { 'x-more': 'a' });
  });
  const filters = [
    metadata[0],
    { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'x-more', value: 'b' }] } },
  ];
  const rule = { filters, backends: [{ service: 'app' }], retry: { attempts: 1, on: ['unavailable'] } };
  const { port } = await staticProxy(t, { resources: [...grpcServiceAt('app', server.port), route('r', [rule])] });
  const end = await (await wireClient(t, port)).ask(path, { fields: sent });
  t.equal(end.status, 0);
  t.equal(fieldOf(end.head!, 'x-more'), 'a,b');
  for (const call of server.calls) checkFields(call, t);
  t.equal(server.calls.length, 2);
});

for (const [version, call] of Object.entries({ 'HTTP/1.1': webCall, 'HTTP/2': webCallOverHttp2 })) {
  t.test(`gRPC-Web over ${version}: metadata is changed on both ways`, async (t) => {
    const { port, server } = await before(t, metadata, answered);
    const reply = await call(port, path, message, 'text', sent);
    t.equal(reply.trailers.get('grpc-status'), '0');
    t.equal(reply.headers.get('x-reply'), 'new');
    t.equal(reply.headers.get('x-secret'), null);
    checkFields(server.calls[0]!, t);
  });

  t.test(`gRPC-Web over ${version}: scripts of an allowed origin can read replies and failures`, async (t) => {
    const origin = 'https://shop.test';
    const cors = { type: 'CORS', cors: { allowOrigins: [origin], exposeHeaders: ['grpc-status', 'grpc-message'] } };
    const server = await wireServer(t, (call) => call.end(9));
    for (const filters of [[cors], [cors, { type: 'Fault', fault: { abort: { status: 500, grpcStatus: 8 } } }]]) {
      const rule = { filters, backends: [{ service: 'app' }] };
      const resources = [...grpcServiceAt('app', server.port), route('r', [rule])];
      const { port } = await staticProxy(t, { resources });
      const reply = await call(port, path, message, 'bytes', { origin });
      t.equal(reply.headers.get('access-control-allow-origin'), origin);
      t.equal(reply.headers.get('access-control-expose-headers'), 'grpc-status, grpc-message');
      t.equal(reply.trailers.get('grpc-status'), filters.length === 1 ? '9' : '8');
    }
  });
}

t.test('what filters answer is a status to callers of gRPC', async (t) => {
  for (const [filter, status, reason] of [
    [{ type: 'Fault', fault: { abort: { status: 503 } } }, 14, 'fault_injected'],
    [{ type: 'Fault', fault: { abort: { status: 200, grpcStatus: 8 } } }, 8, 'fault_injected'],
    [{ type: 'RequestRedirect', requestRedirect: { hostname: 'b.test' } }, 2, 'redirected'],
    [{ type: 'DirectResponse', directResponse: { status: 403, body: 'no' } }, 7, 'direct_response'],
    [{ type: 'DirectResponse', directResponse: {} }, 2, 'direct_response'],
  ] as const) {
    const { port } = await before(t, [filter], answered);
    const end = await (await wireClient(t, port)).ask(path);
    t.ok(end.isTrailersOnly, reason);
    t.equal(fieldOf(end.head!, ':status'), '200');
    t.equal(fieldOf(end.head!, 'x-meshlane-reason'), reason);
    t.equal(end.status, status);
  }
});

t.test('of a long body a caller of gRPC is told the beginning', async (t) => {
  const filter = { type: 'DirectResponse', directResponse: { status: 503, body: 'long '.repeat(10_000) } };
  const { port } = await before(t, [filter], answered);
  const end = await (await wireClient(t, port)).ask(path);
  t.equal(end.status, 14);
  t.equal(end.text, 'long '.repeat(205).slice(0, 1024).trim());
});

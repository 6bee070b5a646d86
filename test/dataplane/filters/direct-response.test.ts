import t from 'tap';
import { ask, rawClient } from '../harness/raw-client.ts';
import { filtered, hostOf } from './filtered.ts';

const direct = (directResponse: object, more: readonly object[] = []) => ({
  filters: [{ type: 'DirectResponse', directResponse }, ...more],
});
const rules = [
  direct({}),
  direct({ status: 403, contentType: 'application/json', body: '{"no":"ü"}' }),
  direct({ status: 204 }),
  direct({ status: 503, headers: [{ name: 'Retry-After', value: '7' }, ...['a=1', 'b=2'].map(cookie)] }),
  direct({ body: 'large '.repeat(10_000) }),
  direct({ body: 'x' }, [
    {
      type: 'ResponseHeaderModifier',
      responseHeaderModifier: { add: [{ name: 'x-more', value: '1' }], set: [cookie('c')] },
    },
  ]),
];

function cookie(value: string) {
  return { name: 'Set-Cookie', value };
}

for (const from of ['http1', 'http2'] as const)
  t.test(`${from}: a direct response is what the rule says`, async (t) => {
    const { call, proxy } = await filtered(t, [from, 'http1'], rules);
    const rows = [
      { status: 200, fields: { 'content-type': 'text/plain; charset=utf-8' }, body: '' },
      { status: 403, fields: { 'content-type': 'application/json', 'content-length': '11' }, body: '{"no":"ü"}' },
      { status: 204, fields: { 'x-meshlane-reason': 'direct_response' }, body: '' },
      { status: 503, fields: { 'retry-after': '7', 'set-cookie': ['a=1', 'b=2'] }, body: '' },
      { status: 200, fields: { 'content-length': '60000' }, body: 'large '.repeat(10_000) },
      { status: 200, fields: { 'x-more': '1', 'set-cookie': ['c'] }, body: 'x' },
    ];
    for (const [i, { body, ...expected }] of rows.entries()) {
      const got = await call(i, { path: '/any/path' });
      t.match(got, expected);
      t.equal(got.body.toString(), body);
      const head = await call(i, { method: 'HEAD' });
      t.match(head, expected);
      t.equal(head.body.length, 0);
      t.match(await call(i, { method: 'POST', body: Buffer.alloc(100) }), expected);
    }
    t.equal(await proxy.metric('meshlane_requests_total', { route: 'route-1', code: '403', service: '' }), 3);
  });

t.test('requests behind one another are answered in turn, and bodies of requests are thrown away', async (t) => {
  const { proxy } = await filtered(t, ['http1', 'http1'], rules);
  const request = (rule: number, body = '') =>
    `POST / HTTP/1.1\r\nHost: ${hostOf(rule)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const client = await rawClient(t, proxy.port);
  client.send(request(1, 'GET /x HTTP/1.1\r\n\r\n') + request(0) + request(2));
  for (const status of [403, 200, 204]) t.equal((await client.reply()).status, status);
});

t.test('a CONNECT is not answered with what would look like a tunnel', async (t) => {
  const spec = { listeners: [{ name: 'out', port: 0, connect: true }] };
  const { proxy } = await filtered(t, ['http1', 'http1'], rules, { spec });
  const got = await ask(t, proxy.port, `CONNECT ${hostOf(0)}:80 HTTP/1.1\r\nHost: ${hostOf(0)}:80\r\n\r\n`);
  t.match(got, { status: 500 });
  t.equal(got.header('x-meshlane-reason'), 'no_backend');
});

import t from 'tap';
import type { Answer, Handler } from '../http2/calling.ts';
import { allPairs, filtered } from './filtered.ts';

/** What browsers are told, by preflights and by replies (Fetch Standard, CORS protocol). */

const cors = (settings: object) => ({ filters: [{ type: 'CORS', cors: settings }] });
const origin = 'https://shop.test';

/** What a reply tells browsers. */
function told({ fields }: Answer): Record<string, unknown> {
  const names = Object.keys(fields).filter((name) => name.startsWith('access-control-') || name === 'vary');
  return Object.fromEntries(names.map((name) => [name.replace('access-control-', ''), fields[name]]));
}

const settings = {
  named: { allowOrigins: [origin, 'http://localhost:3000'] },
  full: {
    allowOrigins: [origin],
    allowCredentials: true,
    allowMethods: ['PUT', 'DELETE'],
    allowHeaders: ['X-A', 'content-type'],
    exposeHeaders: ['x-b', 'x-c'],
    maxAge: 600,
  },
  all: { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*'] },
  allWithCredentials: { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true },
  wild: { allowOrigins: ['https://*.shop.test', 'https://*.shop.test:8443', 'app://*'] },
};
type Name = keyof typeof settings;
const places = Object.keys(settings) as Name[];
const rules = Object.values(settings).map(cors);

const denied = { vary: 'Origin' };
const allowed = (origin: string) => ({ 'allow-origin': origin, vary: 'Origin' });

const preflights: readonly (readonly [Name, Record<string, string>, object])[] = [
  ['named', { origin }, { ...allowed(origin), 'max-age': '5' }],
  ['named', { origin: 'http://localhost:3000' }, { ...allowed('http://localhost:3000'), 'max-age': '5' }],
  ['named', { origin: 'http://localhost' }, denied],
  ['named', { origin: 'http://shop.test' }, denied],
  ['named', { origin: 'https://shop.test.evil.test' }, denied],
  ['named', { origin: `${origin}, https://evil.test` }, denied],
  ['named', { origin: 'null' }, denied],
  [
    'full',
    { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' },
    {
      ...allowed(origin),
      'allow-credentials': 'true',
      'allow-methods': 'PUT, DELETE',
      'allow-headers': 'X-A, content-type',
      'expose-headers': 'x-b, x-c',
      'max-age': '600',
    },
  ],
  [
    'all',
    { origin, 'access-control-request-method': 'PATCH' },
    { 'allow-origin': '*', 'allow-methods': '*', 'allow-headers': '*', 'expose-headers': '*', 'max-age': '5' },
  ],
  [
    'allWithCredentials',
    { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'x-a,x-b' },
    {
      ...allowed(origin),
      'allow-credentials': 'true',
      'allow-methods': 'PATCH',
      'allow-headers': 'x-a,x-b',
      'max-age': '5',
    },
  ],
  ['allWithCredentials', { origin: 'null' }, denied],
  ['allWithCredentials', { origin: 'https://a.test https://b.test' }, denied],
  ['wild', { origin: 'https://a.shop.test' }, { ...allowed('https://a.shop.test'), 'max-age': '5' }],
  ['wild', { origin: 'https://a.b.shop.test:8443' }, { ...allowed('https://a.b.shop.test:8443'), 'max-age': '5' }],
  ['wild', { origin: 'app://anything' }, { ...allowed('app://anything'), 'max-age': '5' }],
  ...[
    'https://shop.test',
    'https://.shop.test',
    'https://evilshop.test',
    'https://a.shop.test:9443',
    'https://a.shop.test.evil.test',
    'https://evil.test/.shop.test',
    'https://evil.test#.shop.test',
    'https://u@evil.test\\.shop.test',
    'http://a.shop.test',
    'app://a:1',
  ].map((origin): [Name, { origin: string }, object] => ['wild', { origin }, denied]),
];

const ownWords: Handler = (_, reply) => {
  const own = { 'access-control-allow-origin': 'https://evil.test', 'access-control-allow-credentials': 'true' };
  reply.writeHead(200, { ...own, vary: 'Accept' }).end('fine');
};

for (const pair of allPairs)
  t.test(`${pair.join(' -> ')}: what browsers are told`, async (t) => {
    const { call, seen } = await filtered(t, pair, rules, { answer: ownWords });

    await t.test('preflights are answered here', async (t) => {
      for (const [name, fields, expected] of preflights) {
        const asked = { 'access-control-request-method': 'GET', ...fields };
        const got = await call(places.indexOf(name), { method: 'OPTIONS', path: '/p', fields: asked });
        t.match(got, { status: 204, fields: { 'x-meshlane-reason': 'cors_preflight' } });
        t.strictSame(told(got), expected, `${name}: ${JSON.stringify(fields)}`);
      }
      t.equal(seen().length, 0, 'and never by an instance');
    });

    await t.test('replies have the fields of their rule, and not those of the application', async (t) => {
      for (const [name, fields, expected] of [
        ['named', { origin }, { ...allowed(origin), vary: 'Accept, Origin' }],
        ['named', { origin: 'https://evil.test' }, { vary: 'Accept, Origin' }],
        ['named', {}, { vary: 'Accept, Origin' }],
        [
          'full',
          { origin },
          { ...allowed(origin), 'allow-credentials': 'true', 'expose-headers': 'x-b, x-c', vary: 'Accept, Origin' },
        ],
        ['all', { origin }, { 'allow-origin': '*', 'expose-headers': '*', vary: 'Accept' }],
        ['all', {}, { 'allow-origin': '*', 'expose-headers': '*', vary: 'Accept' }],
        ['wild', { origin: 'https://a.shop.test' }, { ...allowed('https://a.shop.test'), vary: 'Accept, Origin' }],
      ] as const) {
        const got = await call(places.indexOf(name), { fields });
        t.equal(got.body.toString(), 'fine');
        t.strictSame(told(got), expected, `${name}: ${JSON.stringify(fields)}`);
      }
    });

    await t.test('OPTIONS that is no preflight goes on', async (t) => {
      seen();
      t.equal((await call(0, { method: 'OPTIONS', fields: { origin } })).status, 200);
      t.equal((await call(0, { method: 'OPTIONS', fields: { 'access-control-request-method': 'GET' } })).status, 200);
      t.equal(seen().length, 2);
    });
  });

t.test('replies that the proxy gives itself can be read by scripts, too', async (t) => {
  const broken: Handler = (request) => void request.socket.destroy();
  const header = { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-own', value: '1' }] } };
  const rule = { filters: [...cors(settings.full).filters, header], retry: { attempts: 0 } };
  for (const from of ['http1', 'http2'] as const) {
    const { call } = await filtered(t, [from, 'http1'], [rule], { answer: broken });
    const got = await call(0, { fields: { origin } });
    t.match(got, { status: 502, fields: { 'x-meshlane-reason': 'upstream_reset', 'x-own': '1' } });
    t.strictSame(told(got), { ...allowed(origin), 'allow-credentials': 'true', 'expose-headers': 'x-b, x-c' });
  }
});

t.test('redirects and direct responses can be read by scripts, and preflights come before them', async (t) => {
  const { filters } = cors(settings.named);
  const answers = [
    { type: 'RequestRedirect', requestRedirect: { hostname: 'b.test' } },
    { type: 'DirectResponse', directResponse: { status: 418 } },
  ];
  const rules = answers.map((answer) => ({ filters: [...filters, answer] }));
  const { call } = await filtered(t, ['http1', 'http1'], rules);
  const asked = { origin, 'access-control-request-method': 'GET' };
  for (const [i, status] of [302, 418].entries()) {
    const got = await call(i, { fields: { origin } });
    t.equal(got.status, status);
    t.strictSame(told(got), allowed(origin));
    t.equal((await call(i, { method: 'OPTIONS', fields: asked })).status, 204);
  }
});

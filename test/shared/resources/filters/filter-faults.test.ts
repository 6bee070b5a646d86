import t from 'tap';
import { readResource } from '../../../../shared/resources/read.ts';

/** What is refused, where, and with which advice; and what is read although it looks odd. */

const modify = (requestHeaderModifier: object) => ({ type: 'RequestHeaderModifier', requestHeaderModifier });
const modifyReply = (responseHeaderModifier: object) => ({ type: 'ResponseHeaderModifier', responseHeaderModifier });
const redirect = (requestRedirect: object) => ({ type: 'RequestRedirect', requestRedirect });
const rewrite = (urlRewrite: object) => ({ type: 'URLRewrite', urlRewrite });
const cors = (more: object) => ({ type: 'CORS', cors: { allowOrigins: ['https://a.test'], ...more } });
const direct = (directResponse: object) => ({ type: 'DirectResponse', directResponse });
const fault = (fault: object) => ({ type: 'Fault', fault });
const set = (name: unknown, value: unknown = 'v') => modify({ set: [{ name, value }] });
const prefix = (replacePrefixMatch: unknown) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch } });
const full = (replaceFullPath: unknown) => ({ path: { type: 'ReplaceFullPath', replaceFullPath } });
const backends = [{ service: 'app' }];
const path = (value: string, type = 'PathPrefix') => ({ path: { type, value } });

type Row = readonly [title: string, rule: object, pointer: string, message: RegExp];

const at = (row: string) => (row === '' ? '' : `/${row}`);
const one = (title: string, filter: object, pointer: string, message: RegExp): Row => [
  title,
  { filters: [filter] },
  `filters/0${at(pointer)}`,
  message,
];

const refusedNames: readonly (readonly [name: string, why: RegExp])[] = [
  ['Host', /URLRewrite/],
  ['Content-Length', /where the body ends/],
  ['Transfer-Encoding', /where the body ends/],
  ['Connection', /one connection/],
  ['Keep-Alive', /one connection/],
  ['Proxy-Connection', /one connection/],
  ['TE', /one connection/],
  ['Upgrade', /one connection/],
  ['HTTP2-Settings', /one connection/],
  ['Trailer', /announces trailers/],
  ['Expect', /interim/],
  ['Max-Forwards', /counted down/],
  ['Grpc-Timeout', /timeouts\.request/],
  ['Sec-WebSocket-Key', /handshake/],
  ['Traceparent', /each hop/],
  ['Tracestate', /each hop/],
  ['X-B3-TraceId', /each hop/],
  ['Forwarded', /who called/],
  ['X-Forwarded-For', /who called/],
  ['X-Forwarded-Proto', /who called/],
  ['x-meshlane-reason', /word between proxies/],
  ['X-Meshlane-Anything', /word between proxies/],
  ['X_Meshlane_Reason', /can be taken for x-meshlane-reason/],
  ['Content_Length', /can be taken for content-length/],
  ['Transfer.Encoding', /can be taken for transfer-encoding/],
];

const rows: readonly Row[] = [
  one('no type', { requestHeaderModifier: {} }, 'type', /required/),
  one('an unknown type', { type: 'ExtensionRef' }, 'type', /must be one of RequestHeaderModifier, .*"ExtensionRef"/),
  one('a type without its section', { type: 'CORS' }, 'cors', /required for type CORS/),
  one(
    'a section of another type',
    { ...set('a'), urlRewrite: { hostname: 'a' } },
    'urlRewrite',
    /not belong to type RequestHeaderModifier; put it into a filter of type URLRewrite/,
  ),
  ['a type twice', { filters: [set('a'), set('b')] }, 'filters/1/type', /filters\/0 already; put both into one/],
  one('a modifier that does nothing', modify({ set: [] }), 'requestHeaderModifier', /needs set, add or remove/),
  one('a name that is none', set('a b'), 'requestHeaderModifier/set/0/name', /RFC 9110/),
  one('a pseudo-header field', set(':path'), 'requestHeaderModifier/set/0/name', /RFC 9110/),
  one('a name that is no text', set(7), 'requestHeaderModifier/set/0/name', /string/),
  one('a value with a line end', set('a', 'b\r\nc: d'), 'requestHeaderModifier/set/0/value', /visible ASCII/),
  one('a value with a line feed', set('a', 'b\nc'), 'requestHeaderModifier/set/0/value', /visible ASCII/),
  one('a value with a zero byte', set('a', 'b\0'), 'requestHeaderModifier/set/0/value', /visible ASCII/),
  one('a value of other letters', set('a', 'é'), 'requestHeaderModifier/set/0/value', /visible ASCII/),
  one('a value with a space in front', set('a', ' b'), 'requestHeaderModifier/set/0/value', /visible ASCII/),
  one('an empty value', set('a', ''), 'requestHeaderModifier/set/0/value', /fewer than 1/),
  one('a long value', set('a', 'v'.repeat(4097)), 'requestHeaderModifier/set/0/value', /more than 4096/),
  one(
    'one name changed twice',
    modify({ set: [{ name: 'X-A', value: '1' }], remove: ['x-a'] }),
    'requestHeaderModifier/remove/0',
    /x-a is changed at .*\/set\/0\/name already/,
  ),
  ...refusedNames.map(([name, why]) => one(`set ${name}`, set(name), 'requestHeaderModifier/set/0/name', why)),
  one('remove Host', modify({ remove: ['host'] }), 'requestHeaderModifier/remove/0', /URLRewrite/),
  one(
    'Content-Length of a reply',
    modifyReply({ remove: ['content-length'] }),
    'responseHeaderModifier/remove/0',
    /body/,
  ),
  one(
    'the status of a call',
    modifyReply({ add: [{ name: 'grpc-status', value: '0' }] }),
    'responseHeaderModifier/add/0/name',
    /gRPC/,
  ),
  one('a redirect to itself', redirect({}), 'requestRedirect', /leads to itself/),
  one(
    'a redirect with another status',
    redirect({ hostname: 'a', statusCode: 200 }),
    'requestRedirect/statusCode',
    /301, 302/,
  ),
  one('a redirect to another scheme', redirect({ scheme: 'ftp' }), 'requestRedirect/scheme', /http, https/),
  one('a redirect to a host with a port', redirect({ hostname: 'a:80' }), 'requestRedirect/hostname', /without a port/),
  one('a redirect to a host with a path', redirect({ hostname: 'a/b' }), 'requestRedirect/hostname', /without a port/),
  one('a redirect to port 0', redirect({ port: 0 }), 'requestRedirect/port', />= 1/),
  one(
    'a path of one type with the field of another',
    rewrite({ path: { type: 'ReplaceFullPath', replacePrefixMatch: '/' } }),
    'urlRewrite/path/replaceFullPath',
    /required for type/,
  ),
  one(
    'the field of another type beside',
    rewrite({ path: { ...full('/').path, replacePrefixMatch: '/' } }),
    'urlRewrite/path/replacePrefixMatch',
    /say replaceFullPath/,
  ),
  ...['a', '//a', '/a?b', '/a#b', '/a b', '/a\r\nb', ''].map((value) =>
    one(`the path ${JSON.stringify(value)}`, rewrite(full(value)), 'urlRewrite/path/replaceFullPath', /is not allowed/),
  ),
  ...['a', '//a', '/a?b', '/a b'].map((value) =>
    one(
      `the prefix ${JSON.stringify(value)}`,
      redirect(prefix(value)),
      'requestRedirect/path/replacePrefixMatch',
      /is not allowed/,
    ),
  ),
  one('a rewrite of nothing', rewrite({}), 'urlRewrite', /needs hostname, path, or both/),
  [
    'a prefix in a rule with another match',
    { filters: [rewrite(prefix('/b'))], backends, matches: [path('/a'), path('/c', 'Exact')] },
    'filters/0/urlRewrite/path/type',
    /PathPrefix in every match of the rule; matches\/1/,
  ],
  [
    'a prefix in a rule for calls of gRPC',
    { filters: [rewrite(prefix('/b'))], backends, matches: [{ grpc: { service: 'a.B' } }] },
    'filters/0/urlRewrite/path/type',
    /PathPrefix in every match/,
  ],
  [
    'prefixes that cannot be told apart',
    { filters: [rewrite(prefix('/b'))], backends, matches: [path('/a'), { ...path('/a/b'), method: 'GET' }] },
    'filters/0/urlRewrite/path/type',
    /matches\/1 asks for more .* rule of its own/,
  ],
  [
    'a prefix at a backend of such a rule',
    { backends: [{ service: 'app', filters: [rewrite(prefix('/b'))] }], matches: [path('/c', 'Exact')] },
    'backends/0/filters/0/urlRewrite/path/type',
    /PathPrefix in every match/,
  ],
  [
    'a filter that backends do not have',
    { backends: [{ service: 'app', filters: [redirect({ port: 1 })] }] },
    'backends/0/filters/0/type',
    /RequestHeaderModifier, ResponseHeaderModifier, URLRewrite/,
  ],
  [
    'a redirect beside backends',
    { filters: [redirect({ port: 1 })], backends },
    'backends',
    /left out beside RequestRedirect/,
  ],
  [
    'a direct response beside backends',
    { filters: [direct({})], backends },
    'backends',
    /left out beside DirectResponse/,
  ],
  [
    'a rate limit beside an answer',
    { filters: [direct({})], rateLimits: [{ name: 'a', requests: 1, per: '1s' }] },
    'rateLimits',
    /left out beside DirectResponse/,
  ],
  [
    'a redirect beside a rewrite',
    { filters: [redirect({ port: 1 }), rewrite({ hostname: 'a' })] },
    'filters/1/type',
    /URLRewrite has nothing to do beside RequestRedirect/,
  ],
  [
    'two answers',
    { filters: [redirect({ port: 1 }), direct({})] },
    'filters/1/type',
    /DirectResponse has nothing to do/,
  ],
  [
    'a fault beside an answer',
    { filters: [fault({ abort: { status: 500 } }), direct({})] },
    'filters/0/type',
    /Fault has nothing to do/,
  ],
  one('CORS for nobody', cors({ allowOrigins: [] }), 'cors/allowOrigins', /fewer than 1/),
  ...[
    'https://a.test/',
    'a.test',
    'HTTPS://a.test',
    'https://A.test',
    'https://a.*.test',
    'https://*a.test',
    'null',
    'https://a.test:x',
  ].map((origin) =>
    one(`the origin ${origin}`, cors({ allowOrigins: [origin] }), 'cors/allowOrigins/0', /scheme:\/\/host/),
  ),
  one(
    'every origin and one',
    cors({ allowOrigins: ['*', 'https://a.test'] }),
    'cors/allowOrigins',
    /leave out the others/,
  ),
  one('every method and one', cors({ allowMethods: ['GET', '*'] }), 'cors/allowMethods', /leave out the others/),
  one('a method that is none', cors({ allowMethods: ['GET, PUT'] }), 'cors/allowMethods/0', /must match/),
  one(
    'everything exposed with credentials',
    cors({ exposeHeaders: ['*'], allowCredentials: true }),
    'cors/exposeHeaders',
    /name the fields/,
  ),
  one('no age', cors({ maxAge: 0 }), 'cors/maxAge', />= 1/),
  one('an interim status', direct({ status: 101 }), 'directResponse/status', />= 200/),
  one('a body where none can be', direct({ status: 204, body: 'a' }), 'directResponse/body', /204 has none/),
  one('a large body', direct({ body: 'b'.repeat(65_537) }), 'directResponse/body', /more than 65536/),
  one(
    'Content-Type as a field',
    direct({ headers: [{ name: 'Content-Type', value: 'a' }] }),
    'directResponse/headers/0/name',
    /contentType/,
  ),
  one(
    'framing as a field',
    direct({ headers: [{ name: 'Content-Length', value: '1' }] }),
    'directResponse/headers/0/name',
    /body ends/,
  ),
  one('a fault that is none', fault({}), 'fault', /needs delay, abort, or both/),
  one('more than everybody', fault({ abort: { status: 500, percent: 100.1 } }), 'fault/abort/percent', /<= 100/),
  one('a delay that is none', fault({ delay: { duration: '1 s' } }), 'fault/delay/duration', /is not allowed/),
  one(
    'a status of gRPC that is none',
    fault({ abort: { status: 500, grpcStatus: 17 } }),
    'fault/abort/grpcStatus',
    /<= 16/,
  ),
  ['filters that are no list', { filters: {} }, 'filters', /array/],
  ['a filter that is nothing', { filters: [null] }, 'filters/0', /object/],
  ['too many filters', { filters: Array.from({ length: 17 }, () => set('a')) }, 'filters', /more than 16/],
];

function faultsOf(rule: object): { pointer: string; message: string }[] {
  const read = readResource({ kind: 'Route', name: 'r', spec: { rules: [rule] } });
  return read.ok ? [] : [...read.issues];
}

t.test('what cannot work is refused, with its place and what to do', async (t) => {
  for (const [title, rule, pointer, message] of rows) {
    const issues = faultsOf(rule);
    const found = issues.filter((issue) => issue.pointer === `/spec/rules/0/${pointer}`);
    t.ok(
      found.some((issue) => message.test(issue.message)),
      title,
      { issues },
    );
  }
});

t.test('what can work is read', async (t) => {
  const good: Readonly<Record<string, object>> = {
    'every filter for backends at once': {
      matches: [path('/a'), { path: { value: '/b/' } }],
      backends: [{ service: 'app', filters: [set('a'), modifyReply({ remove: ['b'] }), rewrite(prefix(''))] }],
      filters: [
        set('a'),
        modifyReply({ remove: ['server'] }),
        rewrite({ ...prefix('/x'), hostname: 'a.b' }),
        cors({}),
        fault({ delay: { duration: '1s', percent: 0.001 } }),
      ],
    },
    'a prefix in a rule without matches': { filters: [rewrite(prefix('/x'))], backends },
    'a prefix in matches that ask for more and lie apart': {
      filters: [rewrite(prefix('/x'))],
      backends,
      matches: [
        { ...path('/a'), method: 'GET' },
        { ...path('/ab'), method: 'GET' },
      ],
    },
    'a redirect with modifiers': {
      filters: [redirect({ scheme: 'https' }), modifyReply({ set: [{ name: 'a', value: 'b' }] }), cors({})],
    },
    'a redirect of the same address by its status': { filters: [redirect({ statusCode: 303 })] },
    'several cookies in a direct response': {
      filters: [
        direct({
          headers: [
            { name: 'set-cookie', value: 'a=1' },
            { name: 'set-cookie', value: 'b=2' },
          ],
        }),
      ],
    },
    'fields that are somebody’s business': {
      filters: [set('Authorization', 'Basic YTpi'), modifyReply({ set: [{ name: 'content-type', value: 'a/b' }] })],
      backends,
    },
    'origins of all forms': {
      backends,
      filters: [
        cors({ allowOrigins: ['http://a', 'https://*', 'https://*.a.test:8443', 'http://[::1]:3000', 'app-x://b'] }),
      ],
    },
  };
  for (const [title, rule] of Object.entries(good)) t.strictSame(faultsOf(rule), [], title);
});

t.test('all faults of a rule are told at once', async (t) => {
  const issues = faultsOf({
    filters: [set('Host'), redirect({})],
    backends: [{ service: 'app', filters: [modify({ remove: ['te'] })] }],
  });
  t.strictSame(
    issues.map(({ pointer }) => pointer.slice('/spec/rules/0'.length)),
    [
      '/filters/0/requestHeaderModifier/set/0/name',
      '/filters/1/requestRedirect',
      '/backends',
      '/backends/0/filters/0/requestHeaderModifier/remove/0',
    ],
  );
});

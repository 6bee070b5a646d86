import fc, { type Arbitrary } from 'fast-check';
import type { Field } from '../../harness/strict-http1/rules.ts';

/** Messages of HTTP/1.1 that are right, in every way that is still allowed to write them. */

/** A field line: white space before and after the value is part of how it is written, not of what it says. */
export type FieldLine = { readonly field: Field; readonly before: string; readonly after: string };

export type Chunk = {
  readonly data: Buffer;
  readonly zeros: number;
  readonly isUpperCase: boolean;
  readonly extension: string;
};

export type Body =
  | { readonly kind: 'none' | 'close'; readonly data: Buffer }
  | { readonly kind: 'length'; readonly data: Buffer; readonly zeros: number }
  | {
      readonly kind: 'chunked';
      readonly chunks: readonly Chunk[];
      readonly last: Chunk;
      readonly trailers: FieldLine[];
    };

export type RequestMessage = {
  readonly kind: 'request';
  readonly method: string;
  readonly target: string;
  /** Authority of an absolute target, null for other forms. */
  readonly authority: string | null;
  readonly minorVersion: 0 | 1;
  readonly lines: readonly FieldLine[];
  readonly body: Body;
};

export type ReplyMessage = {
  readonly kind: 'reply';
  /** Method of the request that is answered. */
  readonly method: string;
  readonly status: number;
  readonly reason: string;
  readonly minorVersion: 0 | 1;
  readonly lines: readonly FieldLine[];
  readonly body: Body;
};

export type Message = RequestMessage | ReplyMessage;

export function startLineOf(message: Message): string {
  return message.kind === 'request'
    ? `${message.method} ${message.target} HTTP/1.${message.minorVersion}`
    : `HTTP/1.${message.minorVersion} ${message.status} ${message.reason}`;
}

export function bodyOf({ body }: Message): Buffer {
  return body.kind === 'chunked' ? Buffer.concat(body.chunks.map(({ data }) => data)) : body.data;
}

export function trailersOf({ body }: Message): Field[] {
  return body.kind === 'chunked' ? body.trailers.map(({ field }) => field) : [];
}

/** The message as bytes. */
export function serialise(message: Message): Buffer {
  const { body } = message;
  const parts: Buffer[] = [Buffer.from(`${startLineOf(message)}\r\n${textOf(message.lines)}\r\n`, 'latin1')];
  if (body.kind === 'chunked') {
    for (const chunk of body.chunks) parts.push(chunkLine(chunk), chunk.data, Buffer.from('\r\n'));
    parts.push(chunkLine(body.last), Buffer.from(`${textOf(body.trailers)}\r\n`, 'latin1'));
  } else parts.push(body.data);
  return Buffer.concat(parts);
}

function textOf(lines: readonly FieldLine[]): string {
  return lines.map(({ field: [name, value], before, after }) => `${name}:${before}${value}${after}\r\n`).join('');
}

function chunkLine({ data, zeros, isUpperCase, extension }: Chunk): Buffer {
  const size = data.length.toString(16);
  return Buffer.from(`${'0'.repeat(zeros)}${isUpperCase ? size.toUpperCase() : size}${extension}\r\n`, 'latin1');
}

// --- pieces ---------------------------------------------------------------------------------------------------------

const pick = <T>(...values: readonly T[]): Arbitrary<T> => fc.constantFrom(...values);
const tokenChars = "!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const chars = (alphabet: readonly string[], minLength: number, maxLength: number): Arbitrary<string> =>
  fc.string({ unit: pick(...alphabet), minLength, maxLength });
const bytesFrom = (...ranges: readonly (readonly [number, number])[]): string[] =>
  ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)));

const token = chars([...tokenChars], 1, 12);
const valueText = chars(bytesFrom([0x09, 0x09], [0x20, 0x7e], [0x80, 0xff]), 0, 40).map((text) =>
  text.replace(/^[ \t]+|[ \t]+$/g, ''),
);
/** OWS (RFC 9110 §5.6.3). */
const space = fc.oneof({ weight: 4, arbitrary: pick(' ') }, { weight: 1, arbitrary: chars([' ', '\t'], 0, 3) });

const inAnyCase = (name: string): Arbitrary<string> =>
  fc.oneof(
    pick(
      name,
      name.toUpperCase(),
      name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()),
    ),
    fc
      .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
      .map((uppers) => [...name].map((char, i) => (uppers[i] ? char.toUpperCase() : char)).join('')),
  );

const line = (name: Arbitrary<string>, value: Arbitrary<string>): Arbitrary<FieldLine> =>
  fc.record({ field: fc.tuple(name, value), before: space, after: fc.oneof(pick(''), space) });

const plainNames = ['accept', 'cookie', 'x-a', 'x-b', 'user-agent', 'date', 'set-cookie', 'etag', 'age', 'a'];
/** Fields that no rule is about. */
const plainLine = line(fc.oneof(fc.constantFrom(...plainNames).chain(inAnyCase), token.filter(isPlain)), valueText);

const special = new Set(
  (
    'host content-length transfer-encoding connection keep-alive proxy-connection te trailer upgrade expect http2-settings ' +
    'traceparent tracestate b3 x-b3-traceid x-b3-spanid x-b3-sampled x-b3-parentspanid x-b3-flags x-meshlane-reason ' +
    'forwarded max-forwards'
  ).split(' '),
);

function isPlain(name: string): boolean {
  // Many servers take any other character for "-" (RFC 3875 §4.1.18), so a proxy may, too.
  const lower = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
  return !special.has(lower) && !/^x-(forwarded|meshlane)/.test(lower);
}

const connectionLine = line(
  inAnyCase('connection'),
  fc
    .array(
      fc.tuple(
        pick('', ' ', '\t'),
        pick('close', 'keep-alive', 'Keep-Alive', 'x-a', 'X-B', 'accept', 'te', ''),
        pick('', ' '),
      ),
      {
        minLength: 1,
        maxLength: 2, // with at most 8 lines this stays within the 16 options that are taken
      },
    )
    .map((options) =>
      options
        .map((parts) => parts.join(''))
        .join(',')
        .replace(/^[ \t]+|[ \t]+$/g, ''),
    ),
);
const named = (name: string, ...values: readonly string[]): Arbitrary<FieldLine> =>
  line(inAnyCase(name), pick(...values));

const hopLine = fc.oneof(
  { weight: 4, arbitrary: connectionLine },
  named('keep-alive', 'timeout=5', ''),
  named('proxy-connection', 'close', 'x'),
  named('te', 'trailers', 'gzip;q=0.5, trailers'),
  named('http2-settings', 'AAMAAABkAARAAAAAAAIAAAAA'),
  named('upgrade', 'websocket', 'h2c', 'x/1, y'),
  named('trailer', 'x-a', 'x-checksum, x-b'),
);
const requestOnlyLine = fc.oneof(
  named('expect', '100-continue'),
  named('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0-0-0', ''),
  named('tracestate', 'a=b,c=d'),
  named('b3', '0', 'x'),
  named('x-b3-traceid', '463ac35c9f6413ad48485a3953bb6124'),
);

const lines = (more: Arbitrary<FieldLine>): Arbitrary<FieldLine[]> =>
  fc.array(
    fc.oneof({ weight: 5, arbitrary: plainLine }, { weight: 2, arbitrary: hopLine }, { weight: 1, arbitrary: more }),
    { maxLength: 8 },
  );

/** Any bytes, and rather often those that a reader could take for framing. */
const data = (minLength: number): Arbitrary<Buffer> =>
  fc.oneof(
    fc.uint8Array({ minLength, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    chars(['\r', '\n', '0', ' ', ':', 'a'], Math.max(1, minLength), 40).map((text) => Buffer.from(text, 'latin1')),
    fc.nat({ max: 2000 }).map((size) => Buffer.alloc(Math.max(size, minLength), 'body')),
    pick('GET / HTTP/1.1\r\nHost: b\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n', '0\r\n\r\n', '\r\n').map((text) =>
      Buffer.from(text),
    ),
  );

const quoted = chars(bytesFrom([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7e], [0x80, 0xff]), 0, 8).map(
  (text) => `"${text}"`,
);
/** Chunk extensions (RFC 9112 §7.1.1). */
const extension = fc.oneof(
  { weight: 3, arbitrary: pick('') },
  {
    weight: 1,
    arbitrary: fc
      .array(
        fc.tuple(
          pick('', ' ', '\t'),
          pick('', ' '),
          token,
          fc.oneof(
            pick('', '=x', ' = y', '="\\""'),
            quoted.map((text) => `=${text}`),
          ),
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map((parts) => parts.map(([a, b, name, value]) => `${a};${b}${name}${value}`).join('')),
  },
);

const chunk = (bytes: Arbitrary<Buffer>): Arbitrary<Chunk> =>
  fc.record({ data: bytes, zeros: fc.oneof(pick(0), fc.nat({ max: 9 })), isUpperCase: fc.boolean(), extension });

const chunkedBody: Arbitrary<Body> = fc.record({
  kind: pick('chunked' as const),
  chunks: fc.array(chunk(data(1)), { maxLength: 4 }),
  last: chunk(pick(Buffer.alloc(0))),
  trailers: fc.oneof({ weight: 2, arbitrary: pick<FieldLine[]>([]) }, fc.array(plainLine, { maxLength: 4 })),
});
const lengthBody: Arbitrary<Body> = fc.record({
  kind: pick('length' as const),
  data: data(0),
  zeros: fc.oneof(pick(0), fc.nat({ max: 5 })),
});
const noBody: Arbitrary<Body> = pick({ kind: 'none', data: Buffer.alloc(0) });
const closeBody: Arbitrary<Body> = fc.record({ kind: pick('close' as const), data: data(0) });

/** The field that says where the body ends. */
function framingLine(body: Body, size: number): Arbitrary<FieldLine>[] {
  if (body.kind === 'chunked') return [line(inAnyCase('transfer-encoding'), pick('chunked', 'Chunked', 'CHUNKED'))];
  if (body.kind !== 'length') return [];
  return [line(inAnyCase('content-length'), pick(`${'0'.repeat(body.zeros)}${size}`))];
}

/** Puts lines at any places among others. */
const mixed = (others: Arbitrary<FieldLine[]>, more: readonly Arbitrary<FieldLine>[]): Arbitrary<FieldLine[]> =>
  fc
    .tuple(others, fc.tuple(...more), fc.array(fc.nat({ max: 8 }), { minLength: more.length, maxLength: more.length }))
    .map(([list, added, places]) => {
      const all = [...list];
      added.forEach((one, i) => {
        all.splice(places[i]! % (all.length + 1), 0, one);
      });
      return all;
    });

const host = pick(
  'app',
  'App.Example',
  'a-b.c:80',
  '127.0.0.1',
  '[::1]',
  '[::1]:8080',
  'a.b.',
  'x_y',
  'xn--pp-eka.Example',
);
const pathText = chars(bytesFrom([0x21, 0x22], [0x24, 0x7e]), 0, 30);

const target: Arbitrary<Pick<RequestMessage, 'target' | 'authority'> & { isAsterisk: boolean }> = fc.oneof(
  { weight: 4, arbitrary: pathText.map((path) => ({ target: `/${path}`, authority: null, isAsterisk: false })) },
  { weight: 1, arbitrary: pick({ target: '*', authority: null, isAsterisk: true }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(pick('http', 'HTTP', 'https'), host, pathText, pick('', '/', '?'))
      .map(([scheme, authority, path, start]) => ({
        target: `${scheme}://${authority}${start}${start === '' ? '' : path}`,
        authority,
        isAsterisk: false,
      })),
  },
);

const methodName = chars(bytesFrom([0x41, 0x5a], [0x2d, 0x2d], [0x5f, 0x5f]), 1, 32);

export const request: Arbitrary<RequestMessage> = fc
  .record({
    form: target,
    method: fc.oneof(pick('GET', 'PUT', 'POST', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'), methodName),
    minorVersion: fc.oneof({ weight: 4, arbitrary: pick(1 as const) }, { weight: 1, arbitrary: pick(0 as const) }),
    host,
    hasHost: fc.boolean(),
    body: fc.oneof(noBody, lengthBody, chunkedBody),
  })
  .chain(({ form, method, minorVersion, host: value, hasHost, body: anyBody }) => {
    const { authority, isAsterisk } = form;
    const body: Body =
      minorVersion === 0 && anyBody.kind === 'chunked' ? { kind: 'none', data: Buffer.alloc(0) } : anyBody;
    // RFC 9112 §3.2: the Host of an absolute target is its authority.
    const hosts = minorVersion === 1 || hasHost ? [line(inAnyCase('host'), pick(authority ?? value))] : [];
    const size = body.kind === 'chunked' ? 0 : body.data.length;
    return mixed(lines(requestOnlyLine), [...hosts, ...framingLine(body, size)]).map(
      (all): RequestMessage => ({
        kind: 'request',
        method: isAsterisk ? 'OPTIONS' : method === 'CONNECT' ? 'CONNECTED' : method,
        target: form.target,
        authority,
        minorVersion,
        lines: all,
        body,
      }),
    );
  });

export const reply: Arbitrary<ReplyMessage> = fc
  .record({
    method: fc.oneof({ weight: 4, arbitrary: pick('GET') }, { weight: 1, arbitrary: pick('HEAD') }),
    minorVersion: fc.oneof({ weight: 4, arbitrary: pick(1 as const) }, { weight: 1, arbitrary: pick(0 as const) }),
    status: fc.oneof(pick(200, 201, 204, 206, 304, 404, 500), fc.integer({ min: 200, max: 599 })),
    reason: chars(bytesFrom([0x09, 0x09], [0x20, 0x7e], [0x80, 0xff]), 0, 12),
    body: fc.oneof(lengthBody, chunkedBody, closeBody),
  })
  .chain(({ method, minorVersion, status, reason, body: anyBody }) => {
    let body: Body =
      minorVersion === 0 && anyBody.kind === 'chunked' ? { kind: 'close', data: Buffer.alloc(0) } : anyBody;
    let framing = framingLine(body, body.kind === 'chunked' ? 0 : body.data.length);
    if (status === 204) framing = []; // RFC 9110 §8.6
    if (method === 'HEAD' || status === 204 || status === 304) body = { kind: 'none', data: Buffer.alloc(0) };
    return mixed(lines(named('x-meshlane-reason', 'upstream_connect')), framing).map(
      (all): ReplyMessage => ({ kind: 'reply', method, status, reason, minorVersion, lines: all, body }),
    );
  });

export const message: Arbitrary<Message> = fc.oneof(request, reply);

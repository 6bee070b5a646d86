import { Readable } from 'node:stream';
import t from 'tap';
import type { Handler } from '../http2/calling.ts';
import { allPairs, filtered, type Seen } from './filtered.ts';

/** What modifiers make of requests and replies, whatever the two sides speak. */

type Lines = Seen['lines'];
type Modifier = { set?: object[]; add?: object[]; remove?: string[] };

const request = (requestHeaderModifier: Modifier) => ({ type: 'RequestHeaderModifier', requestHeaderModifier });
const reply = (responseHeaderModifier: Modifier) => ({ type: 'ResponseHeaderModifier', responseHeaderModifier });
const field = (name: string, value: string) => ({ name, value });

type Row = {
  readonly title: string;
  readonly rule?: Modifier;
  readonly backend?: Modifier;
  /** Fields as they come. */
  readonly sent: Readonly<Record<string, string | readonly string[]>>;
  readonly expected: Lines;
};

/** They hold for requests and for replies. */
const rows: readonly Row[] = [
  {
    title: 'set adds what is not there',
    rule: { set: [field('x-set', 'new')] },
    sent: { 'x-a': '1' },
    expected: [
      ['x-a', '1'],
      ['x-set', 'new'],
    ],
  },
  {
    title: 'set takes the place of every line, whatever the case of its name',
    rule: { set: [field('X-SET', 'new')] },
    sent: { 'x-set': ['one', 'two'], 'x-a': '1' },
    expected: [
      ['x-a', '1'],
      ['x-set', 'new'],
    ],
  },
  {
    title: 'add joins a line that is there with a comma',
    rule: { add: [field('X-Add', 'bar,baz')] },
    sent: { 'x-add': 'foo', 'x-a': '1' },
    expected: [
      ['x-a', '1'],
      ['x-add', 'foo,bar,baz'],
    ],
  },
  {
    title: 'add to what is not there, or has no value, is a line',
    rule: { add: [field('x-add', 'new'), field('x-empty', 'new')] },
    sent: { 'x-empty': '' },
    expected: [
      ['x-add', 'new'],
      ['x-empty', 'new'],
    ],
  },
  {
    title: 'remove takes every line',
    rule: { remove: ['X-Gone', 'x-absent'] },
    sent: { 'x-gone': ['1', '2'], 'x-gone-not': '3' },
    expected: [['x-gone-not', '3']],
  },
  {
    title: 'a modifier does all it says',
    rule: { set: [field('x-s', '1'), field('x-t', '2')], add: [field('x-a', '3')], remove: ['x-r', 'x-q'] },
    sent: { 'x-r': '0', 'x-s': '0', 'x-keep': '0', 'x-q': '0' },
    expected: [
      ['x-keep', '0'],
      ['x-s', '1'],
      ['x-t', '2'],
      ['x-a', '3'],
    ],
  },
  {
    title: 'a backend changes what the rule made of it',
    rule: { set: [field('x-both', 'rule')], add: [field('x-more', 'rule')], remove: ['x-back'] },
    backend: { set: [field('x-back', 'backend')], add: [field('x-both', 'backend')], remove: ['x-more'] },
    sent: { 'x-both': 'sent', 'x-back': 'sent' },
    expected: [
      ['x-back', 'backend'],
      ['x-both', 'rule,backend'],
    ],
  },
  {
    title: 'a backend alone',
    backend: { set: [field('x-back', 'backend')] },
    sent: {},
    expected: [['x-back', 'backend']],
  },
  {
    title: 'values are literal, however long',
    rule: { set: [field('x-long', 'v'.repeat(4096)), field('x-odd', '%REQ(x)% $1 "\\" a\tb')] },
    sent: {},
    expected: [
      ['x-long', 'v'.repeat(4096)],
      ['x-odd', '%REQ(x)% $1 "\\" a\tb'],
    ],
  },
];

const ruleOf = (filter: typeof request | typeof reply, { rule, backend }: Row) => ({
  filters: rule ? [filter(rule)] : [],
  backendFilters: backend ? [filter(backend)] : [],
});

const sorted = (lines: Lines) => lines.map(([name, value]) => `${name}: ${value}`).sort();

for (const pair of allPairs) {
  t.test(`${pair.join(' -> ')}: fields of requests`, async (t) => {
    const { call, seen } = await filtered(
      t,
      pair,
      rows.map((row) => ruleOf(request, row)),
    );
    // The second and third come with a head that is known already.
    for (const [i, { title, sent, expected }] of rows.entries())
      for (let round = 0; round < 3; round++) {
        const { status } = await call(i, { fields: sent, path: '/p?q' });
        t.equal(status, 200);
        const [got] = seen();
        t.match(got, { method: 'GET', target: '/p?q', host: `rule-${i}.test` });
        t.strictSame(sorted(got!.lines), sorted(expected), `${title}, round ${round}`);
      }
  });

  t.test(`${pair.join(' -> ')}: fields of replies`, async (t) => {
    const answer: Handler = (request, reply) => {
      reply.writeHead(200, rows[Number(request.headers['x-row'])]!.sent as Record<string, string[]>).end('body');
    };
    const rules = rows.map((row) => ruleOf(reply, row));
    const { call } = await filtered(t, pair, rules, { answer });
    for (const [i, { title, expected }] of rows.entries())
      for (let round = 0; round < 3; round++) {
        const { status, fields, body } = await call(i, { fields: { 'x-row': `${i}` } });
        t.match({ status, body: body.toString() }, { status: 200, body: 'body' });
        const lines = Object.entries(fields).filter(([name]) => name.startsWith('x-')) as [string, string][];
        t.strictSame(sorted(lines), sorted(expected), `${title}, round ${round}`);
      }
  });

  t.test(`${pair.join(' -> ')}: bodies and trailers stay as they are`, async (t) => {
    const rule = { filters: [request({ set: [field('x-set', '1')] }), reply({ set: [field('x-set', '2')] })] };
    const answer: Handler = async (request, reply) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      reply.writeHead(200, { trailer: 'x-sum' });
      reply.write(Buffer.concat(chunks));
      reply.addTrailers({ 'x-sum': String(request.trailers['x-sum']) });
      reply.end();
    };
    const { call } = await filtered(t, pair, [rule], { answer });
    const body = Buffer.alloc(100_000, 'body');
    const got = await call(0, { method: 'POST', body: Readable.from([body]), trailers: { 'x-sum': '7' } });
    t.ok(got.body.equals(body));
    t.equal(got.trailers['x-sum'], '7');
    t.equal(got.fields['x-set'], '2');
  });

  t.test(`${pair.join(' -> ')}: cookies stay one field, and each Set-Cookie a line`, async (t) => {
    const rule = {
      filters: [request({ add: [field('cookie', 'c=3')] }), reply({ add: [field('Set-Cookie', 'b=2')] })],
    };
    const answer: Handler = (_, reply) => void reply.writeHead(200, { 'set-cookie': ['a=1'] }).end();
    const { call, seen } = await filtered(t, pair, [rule], { answer });
    const got = await call(0, { fields: { cookie: 'a=1; b=2' } });
    t.strictSame(seen()[0]!.lines, [['cookie', 'a=1; b=2; c=3']]);
    t.strictSame(got.fields['set-cookie'], ['a=1', 'b=2']);
  });

  t.test(`${pair.join(' -> ')}: a request that is tried again is edited once`, async (t) => {
    const rule = {
      filters: [
        request({ add: [field('x-add', 'new')] }),
        { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/a/a' } } },
      ],
      matches: [{ path: { value: '/a' } }],
      retry: { attempts: 2 },
    };
    let failures = 2;
    const answer: Handler = (_, reply) => void reply.writeHead(failures-- > 0 ? 503 : 200).end();
    const { call, seen } = await filtered(t, pair, [rule], { answer });
    const { status } = await call(0, { path: '/a/b', fields: { 'x-add': 'old' } });
    t.equal(status, 200);
    const all = seen();
    t.equal(all.length, 3);
    for (const { target, lines } of all) {
      t.equal(target, '/a/a/b');
      t.strictSame(lines, [['x-add', 'old,new']]);
    }
  });
}

t.test('rules that say nothing of it leave the fields of replies and requests alone', async (t) => {
  const { call, seen } = await filtered(t, ['http1', 'http1'], [{ filters: [request({ remove: ['x-a'] })] }, {}]);
  const fields = { 'X-Case': 'Kept', 'x-a': '1' };
  t.equal((await call(0, { fields })).fields['x-kept'], 'as it was');
  await call(1, { fields });
  t.strictSame(
    seen().map(({ lines }) => lines),
    [
      [['x-case', 'Kept']],
      [
        ['x-case', 'Kept'],
        ['x-a', '1'],
      ],
    ],
  );
});

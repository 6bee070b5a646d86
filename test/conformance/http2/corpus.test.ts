import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FrameReader } from '../../harness/http2/frame-reader.ts';
import { readClass, requestCases } from './corpus.ts';

t.test('the corpus has every class, and each of its cases is another one', async (t) => {
  const cases = requestCases();
  t.ok(cases.length >= 500, `${cases.length} cases`);
  t.ok(new Set(cases.map((one) => one.class)).size >= 16, 'classes');
  const places = new Map<string, string>();
  const twice: string[] = [];
  for (const one of cases) {
    const key = `${one.class} ${one.frames.toString('hex')}`;
    const before = places.get(key);
    if (before !== undefined) twice.push(`${one.place} is ${before}`);
    places.set(key, one.place);
  }
  t.strictSame(twice, [], 'none is there twice');
});

t.test('the page has each class with as many cases as there are', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/conformance/http2.md'), 'utf8');
  const cases = requestCases();
  for (const name of new Set(cases.map((one) => one.class))) {
    const count = cases.filter((one) => one.class === name).length;
    t.ok(page.includes(`\n| ${name.replaceAll('-', ' ')} | ${count} |`), `${name}: ${count}, all passed`);
  }
});

const get = `template get
> HEADERS END_STREAM
>   :method: GET
>   {}
< GET {} HTTP/1.1
< host: app
< ? expect: x
< ! te: y
<
< body
< ? x-t: u
`;

t.test('frames and what must be seen of them are written in lines, with a template for what cases share', async (t) => {
  const [one] = readClass(
    'x.txt',
    `${get}group forward or refuse 400 | RFC 9113 §8 | get\n- a | @add x-a: \\x00 ;; @index 62\n< GET / HTTP/1.1\n<\n`,
  );
  const [frame] = new FrameReader().read(one!.frames);
  t.match(frame, { type: 1, flags: 5, stream: 1 });
  t.equal(frame?.payload.toString('latin1'), '\0\x07:method\x03GET\x40\x03x-a\x01\0\xbe');
  t.strictSame(one?.ways, [{ kind: 'forward' }, { kind: 'refuse', with: ['400'] }]);
  const [two] = readClass(
    'x.txt',
    `${get}group forward | RFC 9113 §8 | get\n- a | /b: \n> DATA END_STREAM PADDED: hi\n`,
  );
  t.strictSame(new FrameReader().read(two!.frames)[0]?.payload, Buffer.from('\x08hi\0\0\0\0\0\0\0\0', 'latin1'));
  t.strictSame(two?.expected, {
    startLine: 'GET /b:  HTTP/1.1',
    fields: [['host', 'app']],
    optional: [['expect', 'x']],
    forbidden: [['te', 'y']],
    body: 'body',
    trailers: [['x-t', 'u']],
  });
  const [long] = readClass('x.txt', `${get}group refuse | RFC 9113 §8 | get\n- a | x: {40000*y}\n`);
  t.strictSame(
    new FrameReader().read(long!.frames).map(({ type, flags }) => [type, flags]),
    [
      [1, 1],
      [9, 0],
      [9, 4],
    ],
  );
});

t.test('a mistake in a file of cases is named with its place', async (t) => {
  const group = 'group refuse 400 | RFC 9113 §8\n';
  const mistakes: Readonly<Record<string, RegExp>> = {
    'group refuse 400 | somewhere\n': /x\.txt:1: .*no section/,
    '- a case\n': /x\.txt:1: a case outside/,
    '> HEADERS\n': /x\.txt:1: a line that belongs/,
    [`${group}- a\n- a\n`]: /x\.txt:3: a second case/,
    [`${group}nonsense\n`]: /x\.txt:2: a line that begins/,
    'group refuse 400 | RFC 9113 §8 | gone\n': /x\.txt:1: nothing is called "gone"/,
    'group take | RFC 9113 §8\n- a\n': /x\.txt:2: .*refused, forwarded or cut/,
    [`${group}- a\n> headers\n`]: /x\.txt:2: "headers" is no frame/,
    [`${group}- a\n> PING\n`]: /x\.txt:2: no frame is called "PING"/,
    [`${group}- a\n>   x: y\n`]: /x\.txt:2: a field that belongs/,
    [`${group}- a\n> HEADERS\n>   x\n`]: /x\.txt:2: "x" is no field/,
    'group forward | RFC 9113 §8\n- a\n> HEADERS\n< GET / HTTP/1.1\n': /x\.txt:2: .*without an empty line/,
  };
  for (const [text, wanted] of Object.entries(mistakes)) t.throws(() => readClass('x.txt', text), { message: wanted });
});

import t from 'tap';
import { BodyReader, Framing } from '../../../dataplane/http1/body-reader.ts';
import type { Head } from '../../../dataplane/message/head.ts';

type Outcome = { body: string; trailers: string | null; rest: string; isDone: boolean; isBroken: boolean };

/** Reads `text` in the pieces that the cuts make of it. */
function read(framing: Framing, length: number, text: string, cuts: readonly number[]): Outcome {
  const reader = new BodyReader();
  const outcome: Outcome = { body: '', trailers: null, rest: '', isDone: false, isBroken: false };
  const sink = {
    onBody: (bytes: Buffer, from: number, to: number) => {
      outcome.body += bytes.toString('latin1', from, to);
    },
    onBodyEnd: (trailers: Head | null) => {
      if (trailers === null) return;
      outcome.trailers = '';
      for (let i = 0; i < trailers.fieldCount; i++)
        outcome.trailers += `${trailers.bytes.toString('latin1', trailers.offsets[i * 4]!, trailers.offsets[i * 4 + 1]!)}=${trailers.valueAt(i)};`;
    },
  };
  reader.begin(framing, length);
  const bounds = [0, ...cuts, text.length];
  for (let i = 0; i + 1 < bounds.length; i++) {
    const piece = Buffer.from(text.slice(bounds[i], bounds[i + 1]), 'latin1');
    const next = reader.read(piece, 0, piece.length, sink);
    if (next === -1) return { ...outcome, isBroken: true };
    outcome.rest += piece.toString('latin1', next);
  }
  outcome.isDone = reader.isDone;
  return outcome;
}

function alwaysReads(
  t: { same(a: unknown, b: unknown, message: string): unknown },
  framing: Framing,
  length: number,
  text: string,
  wanted: Outcome,
) {
  t.same(read(framing, length, text, []), wanted, `whole: ${JSON.stringify(text.slice(0, 60))}`);
  for (let cut = 1; cut < text.length; cut++) t.same(read(framing, length, text, [cut]), wanted, `cut at ${cut}`);
  const every = Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => i + 1);
  t.same(read(framing, length, text, every), wanted, 'byte by byte');
}

const good = (body: string, rest = '', trailers: string | null = null): Outcome => ({
  body,
  rest,
  trailers,
  isDone: true,
  isBroken: false,
});

t.test('a body of known length ends where it should', async (t) => {
  alwaysReads(t, Framing.length, 5, 'hello', good('hello'));
  alwaysReads(t, Framing.length, 5, 'helloGET /', good('hello', 'GET /'));
  alwaysReads(t, Framing.length, 0, 'GET /', good('', 'GET /'));
  t.same(read(Framing.length, 9, 'hello', []), { ...good('hello'), isDone: false });
});

t.test('chunks are taken apart', async (t) => {
  alwaysReads(t, Framing.chunked, 0, '5\r\nhello\r\n0\r\n\r\n', good('hello'));
  alwaysReads(t, Framing.chunked, 0, '0\r\n\r\nnext', good('', 'next'));
  alwaysReads(
    t,
    Framing.chunked,
    0,
    '1\r\na\r\n00b\r\nhello\r\nwrld\r\n000\r\n\r\nnext',
    good('ahello\r\nwrld', 'next'),
  );
  alwaysReads(t, Framing.chunked, 0, '0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n', good('hello'));
  alwaysReads(t, Framing.chunked, 0, '1;a=b;c="d e"\r\nx\r\n1 ; a\r\ny\r\n0;z\r\n\r\n', good('xy'));
  alwaysReads(t, Framing.chunked, 0, '1\r\nx\r\n0\r\nA: b\r\nC:d \r\n\r\nnext', good('x', 'next', 'A=b;C=d;'));
});

t.test('chunks that are broken are refused, however they arrive', async (t) => {
  for (const text of [
    'x\r\n',
    '\r\n',
    ' 5\r\nhello\r\n0\r\n\r\n',
    '-1\r\n',
    '+5\r\nhello\r\n',
    '0x5\r\nhello\r\n',
    '5\nhello\n0\n\n',
    '5\r\nhello0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhello\rx',
    '5\rxhello',
    '5;a\nhello',
    '5;\0\r\nhello\r\n',
    '5x\r\nhello\r\n',
    '5 \r\nhello\r\n0\r\n\r\n',
    '5\t\r\nhello\r\n0\r\n\r\n',
    '5 a\r\nhello\r\n0\r\n\r\n',
    '0 \r\n\r\n',
    `5${' '.repeat(2000)};a\r\nhello\r\n`,
    '20000000000000\r\n',
    '00000000000000005\r\nhello\r\n0\r\n\r\n',
    'ffffffffffffffff\r\n',
    '0\r\nA b\r\n\r\n',
    '0\r\nA: b\n\r\n',
    '0\r\n A: b\r\n\r\n',
    `5;${'x'.repeat(2000)}\r\nhello\r\n`,
    `0\r\n${'A: b\r\n'.repeat(40)}\r\n`,
    `0\r\nA: ${'x'.repeat(9000)}\r\n\r\n`,
  ]) {
    const every = Array.from({ length: text.length - 1 }, (_, i) => i + 1);
    t.ok(read(Framing.chunked, 0, text, []).isBroken, `whole: ${JSON.stringify(text.slice(0, 60))}`);
    t.ok(read(Framing.chunked, 0, text, every).isBroken, `byte by byte: ${JSON.stringify(text.slice(0, 60))}`);
  }
});

t.test('only a body without any other end is ended by the connection', async (t) => {
  const sink = { onBody: () => undefined, onBodyEnd: () => undefined };
  for (const [framing, ends] of [
    [Framing.none, true],
    [Framing.close, true],
    [Framing.length, false],
    [Framing.chunked, false],
  ] as const) {
    const reader = new BodyReader();
    reader.begin(framing, 5);
    t.equal(reader.endByClose(sink), ends);
  }
});

t.test('only bytes that are not the last of their message go on, so only those are lent to a write', async (t) => {
  const goesOn = (framing: Framing, length: number, pieces: readonly string[]) => {
    const reader = new BodyReader();
    const seen: boolean[] = [];
    const sink = { onBody: () => void seen.push(reader.goesOn), onBodyEnd: () => undefined };
    reader.begin(framing, length);
    for (const piece of pieces) reader.read(Buffer.from(piece), 0, piece.length, sink);
    return seen;
  };
  t.same(goesOn(Framing.length, 6, ['ab', 'cd', 'ef']), [true, true, false]);
  t.same(goesOn(Framing.length, 4, ['abcdHTTP/1.1 200 OK']), [false]);
  t.same(goesOn(Framing.close, 0, ['ab', 'cd']), [true, true]);
  t.same(goesOn(Framing.chunked, 0, ['2\r\nab\r\n', '2\r\ncd\r\n0\r\n\r\n']), [false, false]);
});

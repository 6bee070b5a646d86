import t from 'tap';
import { classifyField } from '../../../dataplane/http2/field-kind.ts';
import { RequestReader } from '../../../dataplane/http2/request-reader.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { HpackDecoder } from '../../../shared/http2/hpack/decoder.ts';
import { headerBlock, indexed, literal } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';

const limits = { headBytes: 65_536, headerCount: 100, targetBytes: 16_384 };
const caller: Caller = {
  removes: 0,
  refuses: 0,
  isTrusted: false,
  scheme: 'http',
  forwarding: null,
  via: null,
  address: Buffer.alloc(0),
};
const traceparent = (digit: string): Field => ['traceparent', `00-${digit.repeat(32)}-${digit.repeat(16)}-01`];
const pseudos: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'app:80'],
  [':path', '/a/b?c=d'],
];

class Owner {
  ownHead = new RequestHead();
  given = 0;
  giveHeadAway(): void {
    this.given++;
    this.ownHead = new RequestHead();
  }
}

function reader() {
  const decoder = new HpackDecoder(4096, classifyField);
  const heads = new RequestReader(decoder, limits, caller, false);
  const owner = new Owner();
  const read = (block: Buffer, isEnd = true) => heads.read(owner, isEnd, block, 0, block.length);
  return { heads, owner, read };
}

/** All that anybody asks of a head. */
function said(head: RequestHead) {
  const { method, host, path, contentLength, isChunked, isHttp2, traceparentField, takesTrailers, isGrpc, guarded } =
    head;
  const fields = Array.from({ length: head.fieldCount }, (_, i) => {
    const [from, to] = head.offsets.subarray(i * 4, i * 4 + 2) as unknown as [number, number];
    return [head.bytes.toString('latin1', from, to), head.valueAt(i), head.names[i]];
  });
  const target = head.bytes.toString('latin1', head.start, head.targetEnd);
  const lines = head.bytes.toString('latin1', head.fieldsStart, head.end - 2);
  return {
    ...{ method, host, path, contentLength, isChunked, isHttp2, traceparentField, takesTrailers, isGrpc, guarded },
    ...{ fields, target, lines, trace: head.header('traceparent') },
  };
}

/** What a reader says that has seen nothing before. */
const plainly = (block: Buffer, isEnd = true) => said(reader().read(block, isEnd));

t.test('a head that comes again is the same one, and says the same', async (t) => {
  const block = headerBlock([...pseudos, ['x-some', 'thing'], ['te', 'trailers']]);
  const { read, owner } = reader();
  read(block);
  const second = read(block);
  t.equal(owner.given, 1);
  t.equal(read(block), second);
  t.strictSame(said(second), plainly(block));
});

t.test('one that ends otherwise is another head', async (t) => {
  const block = headerBlock([...pseudos, ['content-type', 'application/grpc']]);
  const { read } = reader();
  for (let i = 0; i < 3; i++) {
    t.strictSame(said(read(block, true)), plainly(block, true));
    t.strictSame(said(read(block, false)), plainly(block, false));
  }
});

t.test('heads that differ in their traceparent alone each have their own', async (t) => {
  const { read, heads } = reader();
  for (const digit of ['1', '2', '3', '4', 'a', 'f']) {
    const block = headerBlock([...pseudos, ['x-some', 'thing'], traceparent(digit)]);
    t.strictSame(said(read(block)), plainly(block));
    t.equal(heads.verdict, 'whole');
  }
});

t.test('a traceparent is not taken from within another field', async (t) => {
  const { read, heads } = reader();
  const [name, value] = traceparent('1');
  const tail = literal([name, value]).toString('latin1');
  for (let i = 0; i < 4; i++) {
    const block = headerBlock([...pseudos, ['x-some', `thing${tail}`]]);
    read(block);
    t.equal(heads.verdict, 'malformed', 'a value with a NUL');
  }
  const escaped = headerBlock([...pseudos, ['x-some', tail.replaceAll('\x00', '-').replaceAll('\x0b', '-')]]);
  for (let i = 0; i < 4; i++) t.strictSame(said(read(escaped)), plainly(escaped));
});

t.test('a traceparent that stands twice, or with other bytes, is read as it stands', async (t) => {
  for (const fields of [
    [...pseudos, traceparent('1'), traceparent('2')],
    [...pseudos, ['traceparent', 'G'.repeat(55)] as const],
    [...pseudos, ['traceparent', `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01-more`] as const],
  ]) {
    const block = headerBlock(fields);
    const { read } = reader();
    for (let i = 0; i < 4; i++) t.strictSame(said(read(block)), plainly(block));
  }
});

t.test('the same bytes mean another head when the table has changed', async (t) => {
  const { read } = reader();
  const add = (value: string) => Buffer.concat([headerBlock(pseudos), literal(['x-entry', value], 'add')]);
  const newest = Buffer.concat([headerBlock(pseudos), indexed(62)]);
  for (const value of ['one', 'two', 'three']) {
    read(add(value));
    for (let i = 0; i < 3; i++) t.equal(read(newest).header('x-entry'), value);
  }
});

t.test('a known head with room for no more fields still takes its traceparent', async (t) => {
  const many = Array.from({ length: 99 }, (_, i): Field => [`x-${i}`, 'v']);
  const { read, heads } = reader();
  for (const digit of ['1', '2', '3']) {
    const block = headerBlock([...pseudos, ...many.slice(0, 95), traceparent(digit)]);
    t.strictSame(said(read(block)), plainly(block));
    t.equal(heads.verdict, 'whole');
  }
  read(headerBlock([...pseudos, ...many, traceparent('1')]));
  t.equal(heads.verdict, 'refused');
});

import { deepStrictEqual } from 'node:assert';
import fc, { type Arbitrary } from 'fast-check';
import t from 'tap';
import { ReplyFraming, writeReplyHead, writeRequestHead } from '../../../dataplane/http1/head-writer.ts';
import { readReplyHead } from '../../../dataplane/http1/read-reply-head.ts';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { applyEdits, copyReply, editRequest } from '../../../dataplane/message/edited-head.ts';
import { type FieldEdit, fieldEdit, fieldRemoval } from '../../../dataplane/message/field-edit.ts';
import type { Head } from '../../../dataplane/message/head.ts';
import { ReplyHead } from '../../../dataplane/message/reply-head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { ascii, OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { TraceContext } from '../../../observability/tracing/trace-context.ts';
import { escaped, holdsFor } from '../../harness/property.ts';
import { type Field, valuesOf } from '../../harness/strict-http1/rules.ts';
import { readReplies, readRequests, type StrictRead } from '../../harness/strict-reader.ts';
import { type Message, message, serialise } from '../http1/arbitraries.ts';
import { codecLimits } from '../http1/codec-relay.ts';

/** A copy is used for one head after the other, and says exactly what the head and its edits say. */

type Edit = { readonly action: 'set' | 'add' | 'append' | 'remove'; readonly name: string; readonly value: string };

type Case = {
  readonly one: Message;
  readonly edits: readonly Edit[];
  readonly path: string | null;
  readonly host: string | null;
};

const names = ['accept', 'Cookie', 'x-a', 'X-B', 'user-agent', 'Set-Cookie', 'a', 'x-new', 'Content-Type'];
const edits: Arbitrary<Edit[]> = fc.array(
  fc.record({
    action: fc.constantFrom('set', 'add', 'append', 'remove'),
    name: fc.constantFrom(...names),
    value: fc.constantFrom('v', 'a, b', 'x: y', '"q"', 'long '.repeat(200).trim()),
  }),
  { maxLength: 8 },
);
const cases: Arbitrary<Case> = fc.record({
  one: message,
  edits,
  path: fc.constantFrom(null, '/', '/new', '/new/'.repeat(300)),
  host: fc.constantFrom(null, 'other.test'),
});

const caller: Caller = {
  removes: 0,
  refuses: 0,
  isTrusted: false,
  scheme: 'http',
  address: Buffer.of(),
  forwarding: {
    xForwarded: ascii('X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: '),
    address: ascii('192.0.2.1'),
    protoLine: ascii(''),
    element: null,
  },
  via: null,
};
const requestCopy = new RequestHead();
const replyCopy = new ReplyHead();
const before = Buffer.from('what came before it');

t.test('what is written of an edited head is the head with the edits', async (t) => {
  const show = ({ one, ...change }: Case) => `${escaped(serialise(one))} ${JSON.stringify(change)}`;
  holdsFor(t, cases, { runs: 3000, show }, ({ one, edits, path, host }) => {
    const bytes = Buffer.concat([before, serialise(one)]);
    const plain = write(one, bytes, [], null, null);
    const edited = write(one, bytes, edits, path, host);
    deepStrictEqual([edited.fault, edited.messages.length], [null, 1]);
    const unedited = plain.messages[0]!;
    const after = edited.messages[0]!;
    deepStrictEqual(named(after.fields), named(edits.reduce(edit, unedited.fields)));
    if (one.kind === 'reply') return deepStrictEqual(after.startLine, unedited.startLine);
    const [method, target = ''] = unedited.startLine.split(' ');
    const query = /\?.*/.exec(target)?.[0] ?? '';
    deepStrictEqual(after.startLine, `${method} ${path === null ? target : path + query} HTTP/1.1`);
    const asked = valuesOf(unedited.fields, 'host');
    deepStrictEqual(valuesOf(after.fields, 'host'), host === null ? asked : [host]);
    if (asked[0] !== '') deepStrictEqual(valuesOf(after.fields, 'x-forwarded-host'), asked);
  });
});

t.test('a head that others use, and its list of secret fields, stay as they are', async (t) => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX-A: secret\r\nX-B: b\r\n\r\n');
  const head = new RequestHead();
  readRequestHead(head, bytes, 0, bytes.length, codecLimits);
  head.keepOutOfTables(1);
  head.share();
  const text = bytes.toString();
  const copy = editRequest(new RequestHead(), head, [fieldEdit('add', 'x-a', 'more'), fieldRemoval('x-b')], '/b', 'c');
  t.equal(copy.sharedId, 0, 'it is nobody else’s');
  t.equal(head.bytes.toString(), text);
  t.equal(head.header('x-b'), 'b');
  t.strictSame(head.neverIndexed, [1]);
  t.strictSame(copy.neverIndexed, [1, 3], 'the joined line holds the secret, too');
  t.equal(copy.header('x-a'), 'secret,more');
});

function write(
  one: Message,
  bytes: Buffer,
  edits: readonly Edit[],
  path: string | null,
  host: string | null,
): StrictRead {
  const out = new OutBuffer();
  const compiled = edits.map(compile);
  if (one.kind === 'request') {
    const head = new RequestHead();
    readRequestHead(head, bytes, before.length, bytes.length, codecLimits);
    const isEdited = edits.length > 0 || path !== null || host !== null;
    const sent = isEdited ? editRequest(requestCopy, head, compiled, path, host) : head;
    const trace = new TraceContext();
    trace.begin(false);
    writeRequestHead(out, { head: sent, trace, caller, isUpgrade: false, remainingMs: 0, attempt: 1 });
    return readRequests(withBody(out, head));
  }
  const head = new ReplyHead();
  readReplyHead(head, bytes, before.length, bytes.length, codecLimits);
  copyReply(replyCopy, head);
  applyEdits(replyCopy, compiled);
  const options = { saysKeepAlive: false, saysClose: true, stripsReason: false, isUpgrade: false };
  writeReplyHead(out, edits.length > 0 ? replyCopy : head, { ...options, framing: ReplyFraming.none });
  return readReplies(Buffer.from(out.bytes.subarray(0, out.length)), ['HEAD'], true);
}

/** A body of the form that the head speaks of. */
function withBody(out: OutBuffer, head: Head): Buffer {
  const body = head.isChunked ? Buffer.from('0\r\n\r\n') : Buffer.alloc(Math.max(0, head.contentLength));
  return Buffer.concat([out.bytes.subarray(0, out.length), body]);
}

function compile({ action, name, value }: Edit): FieldEdit {
  return action === 'remove' ? fieldRemoval(name) : fieldEdit(action, name, value);
}

/** The plain way to edit a list of fields. */
function edit(fields: readonly Field[], { action, name, value }: Edit): Field[] {
  const lower = name.toLowerCase();
  const isNamed = ([other]: Field) => other.toLowerCase() === lower;
  const others = fields.filter((field) => !isNamed(field));
  if (action === 'remove') return others;
  if (action === 'set') return [...others, [name, value]];
  const last = fields.findLast(isNamed);
  if (action === 'append' || lower === 'set-cookie' || last === undefined) return [...fields, [name, value]];
  const separator = lower === 'cookie' ? '; ' : ',';
  const joined: Field = [last[0], last[1] === '' ? value : `${last[1]}${separator}${value}`];
  return [...fields.filter((field) => field !== last), joined];
}

/** The fields that are not the proxy's own. */
function named(fields: readonly Field[]): Field[] {
  return fields.filter(
    ([name]) => !/^(host|connection|content-length|transfer-encoding|traceparent|x-forwarded-.*)$/i.test(name),
  );
}

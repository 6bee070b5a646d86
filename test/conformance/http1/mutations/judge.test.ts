import t from 'tap';
import { rawClient } from '../../../dataplane/harness/raw-client.ts';
import { relayReplies, relayRequests } from '../../../dataplane/http1/codec-relay.ts';
import { type CodecCase, checkCodec } from './codec-check.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { requestSeeds } from './seeds.ts';
import { faultOfAnswer } from './wire-check.ts';
import { wireOrigin } from './wire-origin.ts';

/** The judge of mutated messages has to see what is wrong; here it is shown wrong things. */

const bytes = (text: string) => Buffer.from(text, 'latin1');
const chunked = 'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n';

t.test('a codec that does anything wrong is caught', async (t) => {
  const one: CodecCase = { kind: 'request', bytes: bytes(chunked) };
  const faultWith = (change: (relayed: ReturnType<typeof relayRequests>, pieces: number) => object) =>
    checkCodec(one, new Random(1), (_, pieces) => {
      const relayed = relayRequests(pieces);
      return { ...relayed, ...change(relayed, pieces.length) };
    }).fault;
  t.equal(
    faultWith(() => ({})),
    null,
  );
  t.match(
    faultWith((_, pieces) => (pieces > 1 ? { isPartial: true } : {})),
    /^in pieces of/,
  );
  t.match(
    faultWith(() => ({ written: bytes(chunked.replace('\r\n\r\n', '\n\n')) })),
    /refused: an LF without CR/,
  );
  t.match(
    faultWith(() => ({ written: bytes(chunked + chunked) })),
    /^1 messages were read, 2 whole ones written/,
  );
  t.match(
    faultWith(() => ({ written: bytes(chunked.slice(0, -2)) })),
    /^1 messages were read, 0 whole ones written/,
  );
  t.match(
    faultWith(() => ({ written: bytes(chunked.replace('hi', 'ho')) })),
    /body of message 0 was changed/,
  );
  t.match(
    faultWith(() => ({ written: bytes(chunked.replace('Host', 'Keep-Alive: 5\r\nHost')) })),
    /Keep-Alive was forwarded/,
  );
  t.match(
    faultWith(({ messages: [message] }) => ({ messages: [{ ...message, startLine: 'GET / HTTP/1.1' }] })),
    /read as another/,
  );
  const listed = bytes(chunked.replace('Host', 'Connection: x-a\r\nX-A: 1\r\nHost'));
  const keeps = checkCodec({ kind: 'request', bytes: listed }, new Random(1), (_, pieces) => ({
    ...relayRequests(pieces),
    written: bytes(chunked.replace('Host', 'X-A: 1\r\nHost')),
  }));
  t.match(keeps.fault, /Connection lists it/);
});

t.test('a codec that throws nothing away of mutated bytes is caught soon', async (t) => {
  let caught = 0;
  for (let index = 0; index < 300; index++) {
    const random = new Random(index);
    const one: CodecCase = { kind: 'request', bytes: bytes(mutate(random.pick(requestSeeds), random, requestSeeds)) };
    const { fault } = checkCodec(one, random, (_, pieces) => ({ ...relayRequests(pieces), written: one.bytes }));
    if (fault !== null) caught++;
  }
  t.ok(caught > 150, `${caught} of 300`);
});

const plain = { request: bytes('GET / HTTP/1.1\r\nX-Case: 5\r\nHost: app\r\n\r\n'), reply: null };
const answer = (received: string, more = {}) => ({
  received: bytes(received),
  wasReset: false,
  isStuck: false,
  ...more,
});
const right = 'HTTP/1.1 200 OK\r\nX-Case: 5\r\nContent-Length: 2\r\n\r\nhi';

t.test('an answer that is not the one to the request, or is none, is caught', async (t) => {
  const faultOf = (received: string, more = {}, one: Parameters<typeof faultOfAnswer>[0] = plain) =>
    faultOfAnswer(one, 5, answer(received, more));
  t.equal(faultOf(right), null);
  t.equal(faultOf(''), null);
  t.equal(faultOf(right.slice(0, -1), { wasReset: true }), null);
  t.match(faultOf(right.replace('5', '6')), /^the reply to case 6 came for case 5/);
  t.match(faultOf(right + right), /no request asked for/);
  t.match(faultOf(right.replace('\r\n', '\n')), /refused/);
  t.match(faultOf(right.replace('X-Case', 'Keep-Alive: 5\r\nX-Case')), /Keep-Alive was forwarded/);
  t.match(faultOf(right, { isStuck: true }), /did not come to an end/);
  t.match(faultOf(right, {}, { ...plain, request: bytes('GET / HTTP/1.1\r\n') }), /no whole request was answered/);
  const isEarly = bytes('PUT / HTTP/1.1\r\nX-Case: 7\r\nHost: app\r\nContent-Length: 2\r\n\r\nh');
  t.equal(faultOf(right, {}, { ...plain, request: isEarly }), null);
  const cut = { ...plain, reply: bytes('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi') };
  t.match(faultOf(right, {}, cut), /not whole looks whole/);
  const other = { ...plain, reply: bytes(right.replace('hi', 'ho')) };
  t.match(faultOf(right, {}, other), /not the one that the instance sent/);
  t.equal(faultOf(right, {}, { ...plain, reply: bytes(right) }), null);
  t.equal(relayReplies([bytes(right)], ['GET'], true).messages.length, 1);
});

t.test('an instance tells of whatever is not one request at a time', async (t) => {
  for (const [sent, what] of [
    ['GET / HTTP/1.1\n\n', /what is refused: an LF without CR/],
    [`${chunked}x`, /bytes behind a request/],
    [`${chunked}${chunked}`, /bytes behind a request/],
    ['GET / HTTP/1.1\r\nHost: a\r\nTE: x\r\n\r\n', /TE was forwarded/],
  ] as const) {
    const faults: string[] = [];
    const origin = await wireOrigin(t, { replyOf: () => null, onFault: (_, fault) => faults.push(fault) });
    const client = await rawClient(t, origin.port);
    client.send(sent);
    await client.closed();
    t.equal(faults.length, 1);
    t.match(faults[0], what);
  }
});

t.test('an instance that answers before the body takes what follows it', async (t) => {
  const faults: string[] = [];
  const origin = await wireOrigin(t, { replyOf: () => null, onFault: (_, fault) => faults.push(fault) });
  const client = await rawClient(t, origin.port);
  const early = chunked.replace('Host', 'X-Case: 7\r\nHost');
  client.send(early.slice(0, -3));
  t.equal((await client.reply()).header('x-case'), '7');
  client.send(early.slice(-3) + early.replace('7', '8'));
  t.equal((await client.reply()).header('x-case'), '8');
  t.same([origin.requests, origin.answeredEarly, faults], [2, 1, []]);
});

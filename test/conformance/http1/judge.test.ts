import t from 'tap';
import { readReplies, readRequests } from '../../harness/strict-reader.ts';
import { replyCases, requestCases } from './corpus.ts';
import type { Outcome } from './drive.ts';
import { judgeReply, judgeRequest } from './judge.ts';
import type { SeenRequest } from './recording-origin.ts';
import { repliesWithoutHarmlessFaults, requestWithoutHarmlessFaults, withoutOddCharacters } from './second-reading.ts';

const requests = requestCases();
const replies = replyCases();

function requestCase(className: string, name: string) {
  return requests.find((one) => one.class === className && one.name === name)!;
}

function replyCase(className: string, name: string) {
  return replies.find((one) => one.class === className && one.name === name)!;
}

const good: Outcome = {
  received: Buffer.alloc(0),
  closed: 'end',
  requests: [],
  faults: [],
  canaryFault: null,
  isReused: true,
  ranOutOfTime: false,
};

function seen(text: string, echo = 'seen-1'): SeenRequest {
  return { ...readRequests(Buffer.from(text, 'latin1')).messages[0]!, connection: 1, echo, isUnclean: false };
}

function reply(status: number, body: string, fields = ''): string {
  return `HTTP/1.1 ${status} X\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const evil = { level: 'critical', detail: 'the next request got "evil"' } as const;
const bytes = (text: string) => Buffer.from(text, 'latin1');
const refusal = bytes(reply(400, 'bad', 'Connection: close\r\n'));

t.test('a refusal is right when it closes, and lax when it does not or lets something through', async (t) => {
  const one = requestCase('both-framings', 'a length, then chunked');
  const post = seen('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n');
  t.match(judgeRequest(one, { ...good, received: refusal }), { verdict: 'pass', detail: '' });
  t.match(judgeRequest(one, { ...good }), { verdict: 'pass', detail: 'closed without a reply' });
  t.match(judgeRequest(one, { ...good, received: bytes(reply(418, '')) }), { verdict: 'pass', detail: /418/ });
  t.match(judgeRequest(one, { ...good, received: bytes(reply(400, 'bad')), closed: null }), {
    verdict: 'lax',
    detail: /stays open/,
  });
  t.match(judgeRequest(one, { ...good, received: refusal, closed: null }), { verdict: 'pass', detail: /for a while/ });
  t.match(judgeRequest(one, { ...good, closed: null }), { verdict: 'lax', detail: /stays open/ });
  t.match(judgeRequest(one, { ...good, requests: [post], received: bytes(reply(200, 'seen-1')) }), {
    verdict: 'lax',
    detail: /forwarded/,
  });
});

t.test('what two readers could read differently is critical', async (t) => {
  const one = requestCase('both-framings', 'a length, then chunked');
  const forwarded = requestCase('pipelining', 'two requests in one write');
  const [first, second] = [
    seen('GET /1 HTTP/1.1\r\nHost: app\r\n\r\n'),
    seen('GET /2 HTTP/1.1\r\nHost: app\r\n\r\n', 'seen-2'),
  ];
  const answered = bytes(reply(200, 'seen-1') + reply(200, 'seen-2'));
  t.match(judgeRequest(forwarded, { ...good, requests: [first, second], received: answered }), {
    verdict: 'pass',
    detail: '',
  });
  const critical: Record<string, [typeof one, Outcome]> = {
    'bytes the origin must refuse': [one, { ...good, faults: ['both'] }],
    'a canary that got another answer': [one, { ...good, received: refusal, canaryFault: evil }],
    'replies in the wrong order': [
      forwarded,
      { ...good, requests: [first, second], received: bytes(reply(200, 'seen-2') + reply(200, 'seen-1')) },
    ],
    'a reply that no request of the origin stands for': [one, { ...good, received: bytes(reply(200, 'seen-9')) }],
    'a reply that is no HTTP': [
      forwarded,
      { ...good, requests: [first, second], received: bytes('HTTP/1.1 200 X\nA: b\n\n') },
    ],
    'a request too many': [forwarded, { ...good, requests: [first, second, first], received: answered }],
    'another body': [
      requestCase('content-length', 'an exact length'),
      {
        ...good,
        requests: [seen('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nhell')],
        received: bytes(reply(200, 'seen-1')),
      },
    ],
    'a request cut off that became whole': [
      requestCase('content-length', 'a body shorter than its length, and the end of the connection'),
      { ...good, requests: [seen('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello')] },
    ],
  };
  for (const [name, [which, outcome]] of Object.entries(critical))
    t.equal(judgeRequest(which, outcome).verdict, 'critical', name);
});

t.test('a good request that is refused or unanswered is a strictness', async (t) => {
  const one = requestCase('content-length', 'an exact length');
  t.match(judgeRequest(one, { ...good, received: refusal }), { verdict: 'strict', detail: /400/ });
  const taken = seen('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello');
  t.match(judgeRequest(one, { ...good, requests: [taken], received: bytes(reply(502, 'no')) }), { verdict: 'strict' });
  t.match(judgeRequest(one, { ...good, requests: [taken], received: bytes(reply(200, 'seen-1')) }), {
    verdict: 'pass',
    isTaken: true,
  });
});

t.test('a field that should stay behind, another host and another target are lax', async (t) => {
  const listed = requestCase('connection-fields', 'a field that Connection lists');
  const host = requestCase('hosts', 'a name and a port');
  const target = requestCase('targets', 'an absolute target');
  const answered = { ...good, received: bytes(reply(200, 'seen-1')) };
  const judge = (one: typeof listed, text: string) => judgeRequest(one, { ...answered, requests: [seen(text)] });
  t.match(judge(listed, 'GET / HTTP/1.1\r\nHost: app\r\nx-a: b\r\n\r\n'), { verdict: 'lax', detail: /travels on/ });
  t.match(judge(host, 'GET / HTTP/1.1\r\nHost: app\r\n\r\n'), { verdict: 'lax', detail: /Host became "app"/ });
  t.match(judge(target, 'GET /b HTTP/1.1\r\nHost: app\r\n\r\n'), { verdict: 'lax', detail: /target became/ });
  t.match(judge(target, 'GET http://app/a HTTP/1.1\r\nHost: app\r\n\r\n'), {
    verdict: 'pass',
    detail: /stays absolute/,
  });
  const h2c = requestCase('upgrades', 'h2c in a second Upgrade');
  t.match(judge(h2c, 'GET / HTTP/1.1\r\nHost: app\r\nUpgrade: websocket, h2c\r\n\r\n'), { verdict: 'lax' });
});

t.test('a reply that is cut off must not look whole, and a bad one must not be used', async (t) => {
  const cut = replyCase('lengths', 'a body shorter than its length, and the end');
  const bad = replyCase('lengths', 'a length with a plus sign');
  const whole = bytes(reply(200, 'hello'));
  const part = whole.subarray(0, whole.length - 1);
  const own = bytes(reply(502, 'bad'));
  const fresh = { ...good, isReused: false };
  for (const one of [cut, bad]) {
    t.match(judgeReply(one, { ...fresh, received: part }), { verdict: 'pass', detail: '' });
    t.match(judgeReply(one, { ...fresh, received: own, closed: null }), { verdict: 'pass', detail: '' });
    t.match(judgeReply(one, { ...fresh, received: part, closed: null }), { verdict: 'pass', detail: /left waiting/ });
    t.match(judgeReply(one, { ...good, received: own }), { verdict: 'lax', detail: /used again/ });
    t.equal(judgeReply(one, { ...fresh, canaryFault: evil }).verdict, 'critical');
  }
  t.match(judgeReply(cut, { ...fresh, received: whole }), { verdict: 'critical', detail: /looks whole/ });
  t.match(judgeReply(bad, { ...fresh, received: whole }), { verdict: 'lax', detail: /relayed/ });
  const toTheEnd = bytes('HTTP/1.1 200 X\r\n\r\nhell');
  t.equal(judgeReply(cut, { ...fresh, received: toTheEnd }).verdict, 'critical', 'FIN ends such a body');
  t.equal(judgeReply(cut, { ...fresh, received: toTheEnd, closed: 'reset' }).verdict, 'pass', 'RST does not');
});

t.test('a good reply has to arrive as it is, and alone', async (t) => {
  const one = replyCase('lengths', 'an exact length');
  const extra = replyCase('connection-reuse', 'bytes behind a reply');
  const whole = bytes(reply(200, 'hello'));
  t.match(judgeReply(one, { ...good, received: whole }), { verdict: 'pass', detail: '' });
  t.match(judgeReply(one, { ...good, received: whole, isReused: false }), {
    verdict: 'pass',
    detail: /not used again/,
  });
  t.match(judgeReply(one, { ...good, received: bytes(reply(502, '')) }), { verdict: 'strict' });
  t.match(judgeReply(one, { ...good, received: Buffer.alloc(0) }), { verdict: 'strict' });
  t.match(judgeReply(one, { ...good, received: bytes(reply(200, 'hell')) }), { verdict: 'critical' });
  t.match(judgeReply(one, { ...good, received: bytes(reply(203, 'hello')) }), { verdict: 'lax' });
  t.match(judgeReply(one, { ...good, received: Buffer.concat([whole, whole]).subarray(0, -1) }), {
    verdict: 'critical',
  });
  t.match(judgeReply(one, { ...good, received: bytes(reply(200, 'hello', 'X-A: \x07\r\n')) }), { verdict: 'lax' });
  t.match(judgeReply(extra, { ...good, received: whole }), { verdict: 'lax', detail: /used again/ });
});

t.test('the second reading overlooks what moves no boundary, and only that', async (t) => {
  const overlooks = [
    'GET /\xe4 HTTP/1.1\r\nHost: app\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n',
    'GET http://other/ HTTP/1.1\r\nHost: app\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: app\r\nContent_Length: 5\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: evil\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: app\r\nX: \x07\r\n\r\n',
  ];
  const keeps = [
    'GET / HTTP/1.1\r\nHost: app\r\nX: a\rb\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: app\r\nX: a\nb: c\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: app\r\nX: \0\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: app\r\nX : a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: app\r\nX: a\r\n b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n',
  ];
  for (const text of [...overlooks, ...keeps]) t.not(readRequests(bytes(text)).fault, null, text);
  const replies = [
    'HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 20 X\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 103 X\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n',
  ];
  const split = [
    'HTTP/1.1 200 X\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.0 200 X\r\nTransfer-Encoding: chunked\r\n\r\n',
  ];
  for (const text of [...replies, ...split]) t.not(readReplies(bytes(text), ['GET'], false).fault, null, text);
  for (const text of replies)
    t.equal(readReplies(repliesWithoutHarmlessFaults(bytes(text)), ['GET'], false).fault, null, text);
  for (const text of split)
    t.not(readReplies(repliesWithoutHarmlessFaults(bytes(text)), ['GET'], false).fault, null, text);
  for (const text of overlooks) t.equal(readRequests(requestWithoutHarmlessFaults(bytes(text))).fault, null, text);
  for (const text of keeps) {
    t.not(readRequests(requestWithoutHarmlessFaults(bytes(text))).fault, null, text);
    t.not(readRequests(withoutOddCharacters(bytes(text))).fault, null, text);
  }
});

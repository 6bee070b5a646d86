import t from 'tap';
import type { StreamReply } from '../../harness/http2/stream-reply.ts';
import { readRequests } from '../../harness/strict-reader.ts';
import type { SeenRequest } from '../http1/recording-origin.ts';
import { requestCases } from './corpus.ts';
import type { Outcome } from './drive.ts';
import { judge } from './judge.ts';

const cases = requestCases();
const caseOf = (className: string, name: string) => cases.find((one) => one.class === className && one.name === name)!;

function seen(text: string): SeenRequest {
  const message = readRequests(Buffer.from(text, 'latin1')).messages[0]!;
  return { ...message, connection: 1, echo: 'seen-1', isUnclean: false };
}

const whole: StreamReply = {
  status: 200,
  fields: [],
  body: Buffer.from('seen-1'),
  trailers: [],
  interim: [],
  end: 'whole',
  error: null,
};
const reset: StreamReply = { ...whole, status: 0, body: Buffer.alloc(0), end: 'reset', error: 'PROTOCOL_ERROR' };
const answered: Outcome = { reply: whole, requests: [], faults: [], canaryFault: null };
const refused: Outcome = { ...answered, reply: reset };
const plain = 'GET / HTTP/1.1\r\nHost: app\r\nX-A: b c\r\nX-Last: z\r\n\r\n';

t.test('a malformed request has to be refused, in whatever way', async (t) => {
  const one = caseOf('field-values', 'a NUL within');
  t.match(judge(one, refused), { verdict: 'pass', detail: '', isTaken: false });
  t.match(judge(one, { ...answered, reply: { ...whole, status: 400 } }), { verdict: 'pass', detail: '' });
  t.match(judge(one, { ...refused, reply: { ...reset, error: 'INTERNAL_ERROR' } }), {
    verdict: 'pass',
    detail: 'refused with INTERNAL_ERROR',
  });
  t.match(judge(one, { ...refused, reply: { ...reset, end: 'closed', error: null } }), {
    verdict: 'pass',
    detail: /closed/,
  });
  t.match(judge(one, { ...answered, reply: null }), { verdict: 'lax', detail: 'no answer' });
  t.match(judge(one, answered), { verdict: 'lax', detail: 'answered with 200' });
  t.match(judge(one, { ...answered, requests: [seen(plain)] }), { verdict: 'lax', detail: /forwarded/ });
});

t.test('what the origin reads otherwise than it was meant is critical', async (t) => {
  const value = caseOf('field-values', 'a NUL within');
  const body = caseOf('bodies', 'a body');
  const cut = caseOf('bodies', 'a request that is cancelled in its body');
  const post = 'POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nhell';
  const outcomes: Record<string, [typeof value, Outcome]> = {
    'bytes that it must refuse': [value, { ...answered, faults: ['a NUL'] }],
    'two requests': [value, { ...answered, requests: [seen(plain), seen(plain)] }],
    'another request': [value, { ...answered, requests: [seen('GET /smuggled HTTP/1.1\r\nHost: app\r\n\r\n')] }],
    'another body': [body, { ...answered, requests: [seen(post)] }],
    'a request that was cut off': [cut, { ...answered, requests: [seen(post)] }],
    'the answer to another request': [
      caseOf('field-values', 'a space within'),
      { ...answered, requests: [seen(plain)], reply: { ...whole, body: Buffer.from('seen-2') } },
    ],
    'what the next request meets': [value, { ...refused, canaryFault: { level: 'critical', detail: 'evil' } }],
  };
  for (const [name, [one, outcome]] of Object.entries(outcomes)) t.equal(judge(one, outcome).verdict, 'critical', name);
  t.equal(judge(cut, { ...answered, reply: null }).verdict, 'pass', 'nothing came of a request that was cut off');
});

t.test('a good request has to arrive with every byte of its fields, and nothing that was not sent', async (t) => {
  const one = caseOf('field-values', 'a space within');
  const arriving = (text: string, more: Partial<Outcome> = {}) =>
    judge(one, { ...answered, requests: [seen(text)], ...more });
  const added = 'Via: 2 x\r\nX-Forwarded-For: 127.0.0.1\r\ntraceparent: 00\r\nConnection: keep-alive\r\n\r\n';
  t.match(arriving(plain), { verdict: 'pass', detail: '', isTaken: true });
  t.match(arriving(plain.replace(/\r\n$/, added)), { verdict: 'pass' });
  t.match(arriving(plain.replace('b c', 'b  c')), { verdict: 'lax', detail: '"x-a: b c" became "x-a: b  c"' });
  t.match(arriving(plain.replace('X-A', 'X-B')), { verdict: 'lax', detail: '"x-a: b c" is gone' });
  t.match(arriving(plain.replace(/\r\n$/, 'X-C: d\r\n\r\n')), { verdict: 'lax', detail: '"x-c: d" is one too many' });
  t.match(arriving(plain.replace(' / ', ' /b ')), { verdict: 'lax', detail: /first line became/ });
  t.match(judge(one, { ...answered, requests: [{ ...seen(plain), isUnclean: true }] }), { verdict: 'lax' });
  t.match(judge(one, refused), { verdict: 'strict', detail: 'refused with PROTOCOL_ERROR' });
  t.match(arriving(plain, { reply: null }), { verdict: 'strict', detail: /no whole reply/ });
});

t.test('trailers may be dropped but not changed, and what must stay behind is looked for in values, too', async (t) => {
  const one = caseOf('trailers', 'a trailer');
  const arriving = (trailers: string) =>
    judge(one, {
      ...answered,
      requests: [
        seen(`POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`),
      ],
    });
  t.equal(arriving('').verdict, 'pass');
  t.equal(arriving('X-T: u\r\n').verdict, 'pass');
  t.match(arriving('X-T: v\r\n'), { verdict: 'lax', detail: '"X-T: v" is a trailer too many' });
  const forwarding = caseOf('forwarding-fields', 'x-forwarded-for');
  const chain = (value: string) =>
    judge(forwarding, {
      ...answered,
      requests: [seen(`GET / HTTP/1.1\r\nHost: app\r\nX-Forwarded-For: ${value}\r\n\r\n`)],
    });
  t.equal(chain('127.0.0.1').verdict, 'pass');
  t.match(chain('10.9.8.7, 127.0.0.1'), { verdict: 'lax', detail: /travels on/ });
});

t.test('where the fault of a request may come too late, refusing it late is right', async (t) => {
  const one = caseOf('content-lengths', 'a body that is too long in its second frame');
  const post = seen('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello');
  t.match(judge(one, { ...refused, requests: [post] }), { verdict: 'pass', isTaken: false });
  t.equal(judge(one, refused).verdict, 'pass');
});

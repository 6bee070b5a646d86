import t from 'tap';
import { grpcStatusLines, grpcTrailers } from '../../../dataplane/message/grpc-status.ts';
import { grpcStatusIn, httpStatusOf } from '../../../dataplane/pipeline/grpc.ts';
import { fieldsIn } from '../http2/assembling.ts';

const messageIn = (lines: string) => /grpc-message: (.*)\r\n/.exec(lines)?.[1];

t.test('a message of any bytes is one field line of printable ones, and can be read back', async (t) => {
  for (const message of ['', 'all fine', '100 %', 'a: b\r\nc: d', 'ärger \u{1f600}', '\0\x7f~ ', '%0A']) {
    const text = messageIn(grpcStatusLines(13, message))!;
    t.match(text, /^[ -~]*$/);
    t.equal(decodeURIComponent(text), message);
  }
  t.equal(messageIn(grpcStatusLines(13, 'a%b\u00e9')), 'a%25b%C3%A9');
});

t.test('as trailers it is two fields, of which the status is known', async (t) => {
  const trailers = grpcTrailers(14, 'no: "one"\nthere');
  t.strictSame(fieldsIn(trailers), [
    ['grpc-status', '14'],
    ['grpc-message', 'no: "one"%0Athere'],
  ]);
  t.equal(grpcStatusIn(trailers), 14);
  t.strictSame(fieldsIn(grpcTrailers(0, ''))[1], ['grpc-message', '']);
});

t.test('a status that gRPC does not have counts as UNKNOWN, so that there are no more than 17 of them', async (t) => {
  for (const [sent, read] of [
    [0, 0],
    [16, 16],
    [17, 2],
    [99, 2],
  ] as const)
    t.equal(grpcStatusIn(grpcTrailers(sent, '')), read, String(sent));
  t.equal(httpStatusOf(grpcStatusIn(grpcTrailers(99, ''))), 500, 'and the instance is to blame');
  t.equal(grpcStatusIn(grpcTrailers(100, '')), -1);
});

import t from 'tap';
import { switchHead } from '../../../dataplane/http2/switch-head.ts';
import { acceptOf } from '../../../dataplane/message/web-socket.ts';
import { assembleReply, fieldsIn } from './assembling.ts';

t.test('the reply to an extended CONNECT reads as the 101 of HTTP/1.1', async (t) => {
  const fields = [
    [':status', '200'],
    ['sec-websocket-protocol', 'chat'],
    ['x-empty', ''],
  ] as const;
  // The example of RFC 6455 §1.3.
  const head = switchHead(assembleReply(fields).head, acceptOf('dGhlIHNhbXBsZSBub25jZQ=='));
  t.equal(head.status, 101);
  t.equal(head.bytes.toString('latin1', head.start, head.reasonEnd), 'HTTP/1.1 101 Switching Protocols');
  t.strictSame(fieldsIn(head), [
    ...fields.slice(1),
    ['upgrade', 'websocket'],
    ['sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
  ]);
  t.equal(head.valueAt(head.upgradeField), 'websocket');
  const text = head.bytes.toString('latin1', head.fieldsStart, head.end);
  t.match(text, /^sec-websocket-protocol: chat\r\n.*\r\n\r\n$/s);
  t.strictSame(fieldsIn(switchHead(assembleReply([[':status', '299']]).head, 'a')), [
    ['upgrade', 'websocket'],
    ['sec-websocket-accept', 'a'],
  ]);
});

import { FieldName } from '../message/field-name.ts';
import { ReplyHead } from '../message/reply-head.ts';

const statusLine = 'HTTP/1.1 101 Switching Protocols\r\n';

/** The reply to an extended CONNECT as the 101 that HTTP/1.1 would have sent (RFC 8441 §5, RFC 6455 §4.2.2). */
export function switchHead(head: ReplyHead, accept: string): ReplyHead {
  const own = [
    { name: 'upgrade', number: FieldName.upgrade, value: 'websocket' },
    { name: 'sec-websocket-accept', number: FieldName.webSocketAccept, value: accept },
  ];
  const lines = head.bytes.toString('latin1', head.fieldsStart, head.end - 2);
  const ownLines = own.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  const switched = new ReplyHead();
  switched.reset(Buffer.from(`${statusLine}${lines}${ownLines}\r\n`, 'latin1'), 0);
  switched.status = 101;
  switched.reasonStart = 13;
  switched.reasonEnd = statusLine.length - 2;
  switched.fieldsStart = statusLine.length;
  switched.end = switched.bytes.length;
  switched.neverIndexed = head.neverIndexed;
  const shift = statusLine.length - head.fieldsStart;
  for (let i = 0; i < head.fieldCount; i++) {
    const [a = 0, b = 0, c = 0, d = 0] = head.offsets.subarray(i * 4, i * 4 + 4);
    switched.addField(head.names[i] as FieldName, a + shift, b + shift, c + shift, d + shift);
  }
  let at = statusLine.length + lines.length;
  for (const { name, number, value } of own) {
    const valueStart = at + name.length + 2;
    if (number === FieldName.upgrade) switched.upgradeField = switched.fieldCount;
    switched.addField(number, at, at + name.length, valueStart, valueStart + value.length);
    at = valueStart + value.length + 2;
  }
  return switched;
}

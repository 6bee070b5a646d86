/** Header blocks of replies. They use no dynamic table, so they depend on nothing that was sent before (RFC 7541 §6.2.2). */

const longestMessage = 4_096;

/** The fields that begin a reply. */
export const replyFields = Buffer.concat([
  Buffer.of(0x88), // :status 200, RFC 7541 appendix A
  field('content-type', 'application/grpc'),
  field('grpc-accept-encoding', 'identity'),
]);

/** The fields that end a call. */
export function statusFields(status: number, text: string): Buffer {
  const message = text === '' ? [] : [field('grpc-message', encodeMessage(text))];
  return Buffer.concat([field('grpc-status', String(status)), ...message]);
}

/** The reply to what is no call of gRPC. */
export function httpStatusFields(status: number): Buffer {
  return field(':status', String(status));
}

function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), stringOf(name), stringOf(value)]);
}

function stringOf(text: string): Buffer {
  const length: number[] = [];
  if (text.length < 127) length.push(text.length);
  else {
    length.push(127);
    let rest = text.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text, 'latin1')]);
}

/** `%` and what is not printable ASCII is percent-encoded, and no more is told than fits a frame. */
function encodeMessage(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    if (encoded.length >= longestMessage) break;
  }
  return encoded;
}

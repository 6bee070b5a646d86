import { literalField as field } from '../literal-field.ts';

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

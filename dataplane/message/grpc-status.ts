import { FieldName } from './field-name.ts';
import { Head } from './head.ts';

/** Lines of a gRPC status; the message is percent-encoded (gRPC over HTTP/2, "Status-Message"). */
export function grpcStatusLines(status: number, message: string): string {
  return `grpc-status: ${status}\r\ngrpc-message: ${percentEncode(message)}\r\n`;
}

/** A trailer section that ends a call with this status. */
export function grpcTrailers(status: number, message: string): Head {
  const trailers = new Head();
  const lines = grpcStatusLines(status, message);
  trailers.reset(Buffer.from(lines, 'latin1'), 0);
  const ends = [...lines.matchAll(/([^:]+): ([^\r]*)\r\n/g)];
  for (const { index, 1: name = '', 2: value = '' } of ends) {
    const valueStart = index + name.length + 2;
    const number = name === 'grpc-status' ? FieldName.grpcStatus : FieldName.other;
    trailers.addField(number, index, index + name.length, valueStart, valueStart + value.length);
  }
  trailers.end = lines.length;
  return trailers;
}

function percentEncode(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8'))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}

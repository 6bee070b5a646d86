import type { ByteSink } from './byte-sink.ts';

/** Octets that may follow the first one of an integer, which then ends below 2^28 + 2^8. */
export const mostMoreOctets = 4;
export const longestInteger = 1 + mostMoreOctets;

/**
 * Writes an integer that shares its first octet with the bits of `first` and has the bits of `mask` there (RFC 7541 §5.1).
 * There has to be room for `longestInteger`.
 */
export function writeInteger(out: ByteSink, first: number, mask: number, value: number): void {
  const { bytes } = out;
  if (value < mask) {
    bytes[out.length++] = first | value;
    return;
  }
  bytes[out.length++] = first | mask;
  for (value -= mask; value >= 0x80; value >>>= 7) bytes[out.length++] = 0x80 | value;
  bytes[out.length++] = value;
}

/**
 * Takes the fields of a block in order. `line` holds "name: value\r\n" from `at` on, names in the case they came in, and is
 * only good during the call. `kind` is what `Classify` said of the field. A field may be repeated at the cost of one byte
 * on the wire: a bound for all of them together is up to the sink (RFC 7541 §7.3).
 */
export type FieldSink = {
  onField(line: Buffer, at: number, nameLength: number, valueLength: number, kind: number): void;
};

/**
 * Names a field with 32 bits. Asked once for a field that comes as a literal; indexed ones have its answer from then, so
 * it must depend on nothing but the line.
 */
export type Classify = (line: Buffer, at: number, nameLength: number, valueLength: number) => number;

/** Bytes of a line beside name and value: ": " and CRLF. */
export const lineExtra = 4;
/** Bytes between name and value. */
export const separatorLength = 2;

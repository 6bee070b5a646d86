/**
 * Takes the fields of a block in order. `line` holds "name: value\r\n" from `at` on, the name as it came, and is only good during the call; `kind`
 * is what `Classify` said of the field. One byte on the wire can repeat a field of any length: the bound for all fields of a
 * block is the sink's to keep (RFC 7541 §7.3).
 */
export type FieldSink = {
  onField(line: Buffer, at: number, nameLength: number, valueLength: number, kind: number): void;
};

/**
 * Names a field by 32 bits. It is asked once about a literal, and what it says stays with the field when that enters a table; so
 * it may depend on nothing else. HPACK lets any byte through, so here is the place to look for those that may not be in a
 * name or value (RFC 9113 §8.2.1).
 */
export type Classify = (line: Buffer, at: number, nameLength: number, valueLength: number) => number;

/** A field as tables and sinks have it: `name: value` and CRLF, as in an HTTP/1 head. */

/** Bytes between name and value. */
export const separatorLength = 2;
/** Bytes of a line beside name and value. */
export const lineOverhead = 4;

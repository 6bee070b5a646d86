import { Entry, entryShift } from './dynamic-table.ts';
import { lineOverhead } from './field-line.ts';

/** RFC 7541 Appendix A: the fields with index 1 to 61. */
const fields: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

export const staticCount = fields.length;

/** The fields as lines, one behind the other. */
export const staticLines = Buffer.from(fields.map(([name, value]) => `${name}: ${value}\r\n`).join(''), 'latin1');

/** Numbers of each field as those of an entry of the dynamic table, at its index; those of index 0 are of no field. */
export const staticEntries = new Int32Array((staticCount + 1) << entryShift);

let end = 0;
fields.forEach(([name, value], i) => {
  const slot = (i + 1) << entryShift;
  staticEntries[slot + Entry.at] = end;
  staticEntries[slot + Entry.nameLength] = name.length;
  staticEntries[slot + Entry.valueLength] = value.length;
  end += name.length + value.length + lineOverhead;
});

/** The first index of this name, 0 when there is none. */
export function staticIndexOf(name: string): number {
  return fields.findIndex((field) => field[0] === name) + 1;
}

/** A head as one would plainly hold it: strings, and a map of lower-case names. */
export type PlainHead = {
  readonly startLine: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly lines: readonly string[];
  readonly end: number;
};

export function readPlainHead(bytes: Buffer): PlainHead {
  const end = bytes.indexOf('\r\n\r\n');
  const [startLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { startLine, fields, lines, end: end + 4 };
}

const dropped = new Set([
  'connection',
  'content-length',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'traceparent',
  'transfer-encoding',
  'upgrade',
]);

/** The lines that travel on: without those of the connection, those it lists, and what the proxy writes itself. */
export function carriedLines({ lines, fields }: PlainHead): string[] {
  const listed = (fields.get('connection') ?? '').split(',').map((option) => option.trim().toLowerCase());
  return lines.filter((line) => {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    return !dropped.has(name) && !listed.includes(name);
  });
}

/** Of the lines of a head that was written, those that came in, in the order in which they left. */
export function linesFrom(written: Buffer, { lines }: PlainHead): string[] {
  const came = new Set(lines);
  return readPlainHead(written).lines.filter((line) => came.has(line));
}

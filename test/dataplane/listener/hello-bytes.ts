/** ClientHellos as bytes, right or wrong (RFC 8446 §4.1.2). */

export type Extension = { readonly type: number; readonly data: Buffer };

export type Hello = {
  readonly session: Buffer;
  readonly suites: number;
  /** Null leaves the extensions out, and even their length. */
  readonly before: readonly Extension[] | null;
  readonly after: readonly Extension[];
  /** Size of the list of suites, where that is no multiple of a suite's. */
  readonly suiteBytes?: number;
  readonly compressions?: number;
  /** Bytes that the last extension claims and does not have. */
  readonly cutExtensions?: number;
  readonly trailing?: Buffer;
};

/** The handshake message. */
export function clientHello(hello: Hello): Buffer {
  const { session, suites, before, after, suiteBytes = suites * 2, compressions = 1, cutExtensions = 0 } = hello;
  const extensions = Buffer.concat(
    [...(before ?? []), ...after].map(({ type, data }) => Buffer.concat([number(type, 2), vector(data, 2)])),
  );
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32, 7),
    vector(session, 1),
    vector(Buffer.alloc(suiteBytes, 0x13), 2),
    vector(Buffer.alloc(compressions), 1),
    before === null ? Buffer.alloc(0) : vector(extensions.subarray(0, extensions.length - cutExtensions), 2),
    hello.trailing ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([Buffer.from([1]), vector(body, 3)]);
}

export function serverNameExtension(name: string): Extension {
  const entry = Buffer.concat([Buffer.from([0]), vector(Buffer.from(name, 'utf8'), 2)]);
  return { type: 0, data: vector(entry, 2) };
}

export function record(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([22, 3, 1]), vector(bytes, 2)]);
}

/** A message in records of these sizes, and what is left of it in a last one. */
export function inRecords(message: Buffer, sizes: readonly number[]): Buffer {
  const records: Buffer[] = [];
  let rest = message;
  for (const size of sizes) {
    if (rest.length <= size) break;
    records.push(record(rest.subarray(0, size)));
    rest = rest.subarray(size);
  }
  return Buffer.concat([...records, record(rest)]);
}

function vector(bytes: Buffer, lengthSize: number): Buffer {
  return Buffer.concat([number(bytes.length, lengthSize), bytes]);
}

function number(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
}

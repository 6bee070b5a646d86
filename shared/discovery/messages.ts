import type { Kind } from '../resources/resource.ts';
import { MessageReader, MessageWriter } from './protobuf.ts';

/** The messages of `discovery.proto`: how they look in JavaScript and on the wire. Unknown fields are passed over. */

export type WireKey = { kind: Kind; name: string };
export type WireEntry = { key: WireKey; revision: number; document: Buffer };
export type WireUpdate = { revision: number; full: boolean; resources: WireEntry[]; removed: WireKey[] };
export type WireHello = { sidecar: string; service: string; version: string; revision: number };
export type WireRejection = { key: WireKey; revision: number; error: string };
export type WireAck = { revision: number; rejected: WireRejection[] };
export type WireSidecarMessage = { hello?: WireHello | null; ack?: WireAck | null };
export type WireRegistration = { document: Buffer };
export type WireInstanceName = { name: string };
export type WireLease = { revision: number; leaseSeconds: number };

export type Codec<T> = { encode(message: T): Buffer; decode(bytes: Buffer): T };

/** Calls `take` with the number of each field; false skips it. */
function eachField(bytes: Buffer, take: (field: number, reader: MessageReader) => boolean): void {
  const reader = new MessageReader(bytes);
  for (let field = reader.next(); field !== 0; field = reader.next()) if (!take(field, reader)) reader.skip();
}

/** A decoder out of one setter per field number. */
function decoder<T>(
  make: () => T,
  setters: Readonly<Record<number, (message: T, reader: MessageReader) => void>>,
): (bytes: Buffer) => T {
  return (bytes) => {
    const message = make();
    eachField(bytes, (field, reader) => {
      const set = setters[field];
      if (set) set(message, reader);
      return set !== undefined;
    });
    return message;
  };
}

const key: Codec<WireKey> = {
  encode: ({ kind, name }) => new MessageWriter().string(1, kind).string(2, name).finish(),
  decode: decoder<WireKey>(() => ({ kind: '' as Kind, name: '' }), {
    1: (message, reader) => {
      message.kind = reader.string() as Kind; // checked with the document it belongs to
    },
    2: (message, reader) => {
      message.name = reader.string();
    },
  }),
};

const noKey = (): WireKey => ({ kind: '' as Kind, name: '' });

const entry: Codec<WireEntry> = {
  encode: (one) =>
    new MessageWriter().bytes(1, key.encode(one.key)).uint(2, one.revision).bytes(3, one.document).finish(),
  decode: decoder<WireEntry>(() => ({ key: noKey(), revision: 0, document: Buffer.alloc(0) }), {
    1: (message, reader) => {
      message.key = key.decode(reader.bytes());
    },
    2: (message, reader) => {
      message.revision = reader.uint();
    },
    3: (message, reader) => {
      message.document = reader.bytes();
    },
  }),
};

export const updateCodec: Codec<WireUpdate> = {
  encode: (update) => {
    const writer = new MessageWriter().uint(1, update.revision).bool(2, update.full);
    for (const one of update.resources) writer.bytes(3, entry.encode(one));
    for (const one of update.removed) writer.bytes(4, key.encode(one));
    return writer.finish();
  },
  decode: decoder<WireUpdate>(() => ({ revision: 0, full: false, resources: [], removed: [] }), {
    1: (message, reader) => {
      message.revision = reader.uint();
    },
    2: (message, reader) => {
      message.full = reader.bool();
    },
    3: (message, reader) => message.resources.push(entry.decode(reader.bytes())),
    4: (message, reader) => message.removed.push(key.decode(reader.bytes())),
  }),
};

const hello: Codec<WireHello> = {
  encode: (one) =>
    new MessageWriter()
      .string(1, one.sidecar)
      .string(2, one.service)
      .string(3, one.version)
      .uint(4, one.revision)
      .finish(),
  decode: decoder<WireHello>(() => ({ sidecar: '', service: '', version: '', revision: 0 }), {
    1: (message, reader) => {
      message.sidecar = reader.string();
    },
    2: (message, reader) => {
      message.service = reader.string();
    },
    3: (message, reader) => {
      message.version = reader.string();
    },
    4: (message, reader) => {
      message.revision = reader.uint();
    },
  }),
};

const rejection: Codec<WireRejection> = {
  encode: (one) =>
    new MessageWriter().bytes(1, key.encode(one.key)).uint(2, one.revision).string(3, one.error).finish(),
  decode: decoder<WireRejection>(() => ({ key: noKey(), revision: 0, error: '' }), {
    1: (message, reader) => {
      message.key = key.decode(reader.bytes());
    },
    2: (message, reader) => {
      message.revision = reader.uint();
    },
    3: (message, reader) => {
      message.error = reader.string();
    },
  }),
};

const ack: Codec<WireAck> = {
  encode: (one) => {
    const writer = new MessageWriter().uint(1, one.revision);
    for (const each of one.rejected) writer.bytes(2, rejection.encode(each));
    return writer.finish();
  },
  decode: decoder<WireAck>(() => ({ revision: 0, rejected: [] }), {
    1: (message, reader) => {
      message.revision = reader.uint();
    },
    2: (message, reader) => message.rejected.push(rejection.decode(reader.bytes())),
  }),
};

export const sidecarMessageCodec: Codec<WireSidecarMessage> = {
  encode: (message) => {
    const writer = new MessageWriter();
    if (message.hello) writer.bytes(1, hello.encode(message.hello));
    if (message.ack) writer.bytes(2, ack.encode(message.ack));
    return writer.finish();
  },
  decode: decoder<WireSidecarMessage>(() => ({}), {
    1: (message, reader) => {
      message.hello = hello.decode(reader.bytes());
    },
    2: (message, reader) => {
      message.ack = ack.decode(reader.bytes());
    },
  }),
};

export const registrationCodec: Codec<WireRegistration> = {
  encode: ({ document }) => new MessageWriter().bytes(1, document).finish(),
  decode: decoder<WireRegistration>(() => ({ document: Buffer.alloc(0) }), {
    1: (message, reader) => {
      message.document = reader.bytes();
    },
  }),
};

export const instanceNameCodec: Codec<WireInstanceName> = {
  encode: ({ name }) => new MessageWriter().string(1, name).finish(),
  decode: decoder<WireInstanceName>(() => ({ name: '' }), {
    1: (message, reader) => {
      message.name = reader.string();
    },
  }),
};

export const leaseCodec: Codec<WireLease> = {
  encode: (lease) => new MessageWriter().uint(1, lease.revision).uint(2, lease.leaseSeconds).finish(),
  decode: decoder<WireLease>(() => ({ revision: 0, leaseSeconds: 0 }), {
    1: (message, reader) => {
      message.revision = reader.uint();
    },
    2: (message, reader) => {
      message.leaseSeconds = reader.uint();
    },
  }),
};

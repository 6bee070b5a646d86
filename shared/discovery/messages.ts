import type { Kind } from '../resources/resource.ts';
import { MessageReader, MessageWriter } from './protobuf.ts';

/** The messages of `discovery.proto`: how they look in JavaScript and on the wire. Unknown fields are passed over. */

export type WireKey = { kind: Kind; name: string };
export type WireEntry = { key: WireKey; revision: number; document: Buffer };
export type WireUpdate = {
  revision: number;
  full: boolean;
  resources: WireEntry[];
  removed: WireKey[];
  mesh: string;
  services: string[];
};
export type WireHello = {
  sidecar: string;
  service: string;
  version: string;
  revision: number;
  mesh: string;
  scoped: boolean;
  services: string[];
};
export type WireScope = { services: string[] };
export type WireServiceReport = { service: string; requests: number; errors: number; latency: number[] };
export type WireReport = { seconds: number; services: WireServiceReport[] };
export type WireRejection = { key: WireKey; revision: number; error: string };
export type WireAck = { revision: number; rejected: WireRejection[] };
export type WireSidecarMessage = {
  hello?: WireHello | null;
  ack?: WireAck | null;
  scope?: WireScope | null;
  report?: WireReport | null;
};
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

const newUpdate = (): WireUpdate => ({
  revision: 0,
  full: false,
  resources: [],
  removed: [],
  mesh: '',
  services: [],
});

/**
 * The fields of an update, each on its own: written behind each other, in whatever order, they are the update. So what many
 * updates share is encoded once.
 */
export const updateFields = {
  head: ({ revision, full, mesh, services }: Omit<WireUpdate, 'resources' | 'removed'>): Buffer => {
    const writer = new MessageWriter().uint(1, revision).bool(2, full).string(5, mesh);
    for (const service of services) writer.bytes(6, Buffer.from(service));
    return writer.finish();
  },
  resource: (one: WireEntry): Buffer => new MessageWriter().bytes(3, entry.encode(one)).finish(),
  removed: (one: WireKey): Buffer => new MessageWriter().bytes(4, key.encode(one)).finish(),
};

export const updateCodec: Codec<WireUpdate> = {
  encode: (update) =>
    Buffer.concat([
      updateFields.head(update),
      ...update.resources.map(updateFields.resource),
      ...update.removed.map(updateFields.removed),
    ]),
  decode: decoder<WireUpdate>(newUpdate, {
    1: (message, reader) => {
      message.revision = reader.uint();
    },
    2: (message, reader) => {
      message.full = reader.bool();
    },
    3: (message, reader) => message.resources.push(entry.decode(reader.bytes())),
    4: (message, reader) => message.removed.push(key.decode(reader.bytes())),
    5: (message, reader) => {
      message.mesh = reader.string();
    },
    6: (message, reader) => message.services.push(reader.string()),
  }),
};

const newHello = (): WireHello => ({
  sidecar: '',
  service: '',
  version: '',
  revision: 0,
  mesh: '',
  scoped: false,
  services: [],
});

const hello: Codec<WireHello> = {
  encode: (one) => {
    const writer = new MessageWriter()
      .string(1, one.sidecar)
      .string(2, one.service)
      .string(3, one.version)
      .uint(4, one.revision)
      .string(5, one.mesh)
      .bool(6, one.scoped);
    for (const service of one.services) writer.bytes(7, Buffer.from(service));
    return writer.finish();
  },
  decode: decoder<WireHello>(newHello, {
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
    5: (message, reader) => {
      message.mesh = reader.string();
    },
    6: (message, reader) => {
      message.scoped = reader.bool();
    },
    7: (message, reader) => message.services.push(reader.string()),
  }),
};

const scope: Codec<WireScope> = {
  encode: ({ services }) => {
    const writer = new MessageWriter();
    for (const service of services) writer.bytes(1, Buffer.from(service));
    return writer.finish();
  },
  decode: decoder<WireScope>(() => ({ services: [] }), {
    1: (message, reader) => message.services.push(reader.string()),
  }),
};

const serviceReport: Codec<WireServiceReport> = {
  encode: (one) =>
    new MessageWriter()
      .string(1, one.service)
      .uint(2, one.requests)
      .uint(3, one.errors)
      .packed(4, one.latency)
      .finish(),
  decode: decoder<WireServiceReport>(() => ({ service: '', requests: 0, errors: 0, latency: [] }), {
    1: (message, reader) => {
      message.service = reader.string();
    },
    2: (message, reader) => {
      message.requests = reader.uint();
    },
    3: (message, reader) => {
      message.errors = reader.uint();
    },
    4: (message, reader) => message.latency.push(...reader.packed()),
  }),
};

const report: Codec<WireReport> = {
  encode: (one) => {
    const writer = new MessageWriter().uint(1, one.seconds);
    for (const service of one.services) writer.bytes(2, serviceReport.encode(service));
    return writer.finish();
  },
  decode: decoder<WireReport>(() => ({ seconds: 0, services: [] }), {
    1: (message, reader) => {
      message.seconds = reader.uint();
    },
    2: (message, reader) => message.services.push(serviceReport.decode(reader.bytes())),
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
    if (message.scope) writer.bytes(3, scope.encode(message.scope));
    if (message.report) writer.bytes(4, report.encode(message.report));
    return writer.finish();
  },
  decode: decoder<WireSidecarMessage>(() => ({}), {
    1: (message, reader) => {
      message.hello = hello.decode(reader.bytes());
    },
    2: (message, reader) => {
      message.ack = ack.decode(reader.bytes());
    },
    3: (message, reader) => {
      message.scope = scope.decode(reader.bytes());
    },
    4: (message, reader) => {
      message.report = report.decode(reader.bytes());
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

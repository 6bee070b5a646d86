/** A whole reply as frames made beforehand; a stream's number is all that is missing, in so many places. */
export type FramedReply = {
  readonly frames: Buffer;
  readonly streamPlaces: readonly number[];
  /** Bytes of it that flow control counts: those of the body. */
  readonly bodyBytes: number;
};

const endHeaders = 0x4;
const endStream = 0x1;

/** 200 with this body, as a web server answers. */
export function plainReply(body: Buffer): FramedReply {
  const fields = [status200, contentType('application/octet-stream'), contentLength(body.length)];
  return join([frame('HEADERS', endHeaders, Buffer.concat(fields)), frame('DATA', endStream, body)], body.length);
}

/** 200, a message behind its prefix, and the status OK in the trailers, as a gRPC server answers a unary call. */
export function grpcReply(body: Buffer): FramedReply {
  const fields = [status200, contentType('application/grpc')];
  const frames = [
    frame('HEADERS', endHeaders, Buffer.concat(fields)),
    frame('DATA', 0, body),
    frame('HEADERS', endHeaders | endStream, newField('grpc-status', '0')),
  ];
  return join(frames, body.length);
}

function frame(type: 'DATA' | 'HEADERS', flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type === 'DATA' ? 0 : 1;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

function join(frames: readonly Buffer[], bodyBytes: number): FramedReply {
  let at = 0;
  const streamPlaces = frames.map(({ length }) => {
    at += length;
    return at - length + 5;
  });
  return { frames: Buffer.concat(frames), streamPlaces, bodyBytes };
}

// HPACK (RFC 7541) without its dynamic table and without Huffman: a static index, or a literal that is not indexed.
const status200 = Buffer.of(0x88);
const contentType = (value: string) => Buffer.concat([Buffer.of(0x0f, 31 - 15), text(value)]);
const contentLength = (bytes: number) => Buffer.concat([Buffer.of(0x0f, 28 - 15), text(String(bytes))]);
const newField = (name: string, value: string) => Buffer.concat([Buffer.of(0), text(name), text(value)]);
/** Lengths below 127 are one byte. */
const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);

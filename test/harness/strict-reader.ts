import { StrictCursor, StrictFault, StrictPartial } from './strict-http1/cursor.ts';
import { type Field, replyFraming, requestFault, requestFraming, type StrictFraming } from './strict-http1/rules.ts';

/**
 * A strict reader of HTTP/1.1, the oracle for what the proxy writes. It is written from RFC 9112 and RFC 9110 alone and
 * shares nothing with the proxy: slow, plain, and with no second reading of anything that could be read twice. Beyond the
 * RFCs it refuses what other readers are known to take differently: Content-Length beside Transfer-Encoding, codings other
 * than `chunked`, repeated framing fields, and `content_length` and its like. Of a request target it checks the form and
 * that it is visible ASCII; what stands in a path is for the application.
 */

export type StrictMessage = {
  startLine: string;
  fields: Field[];
  /** Decoded: without the framing of chunks. */
  body: Buffer;
  trailers: Field[];
};

export type StrictRead = {
  /** The whole messages, in order. */
  messages: StrictMessage[];
  /** In words, the first thing that is not exactly as the RFCs have it; nothing is read beyond it. */
  fault: string | null;
  /** The bytes end inside a message. */
  isPartial: boolean;
  /** Offset after the last whole message. */
  end: number;
};

/** Reads requests one after the other. */
export function readRequests(bytes: Buffer): StrictRead {
  return readAll(bytes, (cursor) => {
    const startLine = cursor.line('request line');
    const fields = readFieldLines(cursor);
    const fault = requestFault(startLine, fields);
    if (fault !== null) throw new StrictFault(fault);
    return { ...readBody(cursor, requestFraming(startLine, fields), false), startLine, fields };
  });
}

/**
 * Reads replies to requests of these methods, in their order; interim ones (1xx) are messages of their own. `isClosed`
 * tells that no more bytes come, which ends a body that has no other end. After a switch of protocols (101, or 2xx to
 * CONNECT) what follows is no HTTP and is left alone.
 */
export function readReplies(bytes: Buffer, methods: readonly string[], isClosed: boolean): StrictRead {
  let answered = 0;
  return readAll(bytes, (cursor) => {
    if (answered === methods.length) throw new StrictFault('a reply that no request asked for');
    const startLine = cursor.line('status line');
    const fields = readFieldLines(cursor);
    const framing = replyFraming(startLine, fields, methods[answered]!);
    const message = { ...readBody(cursor, framing, isClosed), startLine, fields };
    const status = Number(startLine.slice(9, 12));
    if (status === 101 || (methods[answered] === 'CONNECT' && status >= 200 && status < 300)) cursor.stop();
    if (status >= 200) answered++;
    return message;
  });
}

function readAll(bytes: Buffer, readMessage: (cursor: StrictCursor) => StrictMessage): StrictRead {
  const cursor = new StrictCursor(bytes);
  const read: StrictRead = { messages: [], fault: null, isPartial: false, end: 0 };
  try {
    while (!cursor.isAtEnd) {
      read.messages.push(readMessage(cursor));
      read.end = cursor.offset;
    }
  } catch (error) {
    if (error instanceof StrictPartial) read.isPartial = true;
    else if (error instanceof StrictFault) read.fault = `${error.message}, before offset ${cursor.offset}`;
    else throw error;
  }
  return read;
}

/** Field lines up to and with the empty line (RFC 9112 §5): `name ":" OWS value OWS`. */
function readFieldLines(cursor: StrictCursor): Field[] {
  const fields: Field[] = [];
  for (;;) {
    const line = cursor.line('field line');
    if (line === '') return fields;
    if (/^[ \t]/.test(line)) throw new StrictFault('a folded field line');
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/s.exec(line);
    if (match === null) throw new StrictFault('a field line without a token and a colon right after it');
    fields.push([match[1]!, match[2]!.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')]);
  }
}

function readBody(
  cursor: StrictCursor,
  framing: StrictFraming,
  isClosed: boolean,
): Pick<StrictMessage, 'body' | 'trailers'> {
  switch (framing.kind) {
    case 'none':
      return { body: Buffer.alloc(0), trailers: [] };
    case 'length':
      return { body: cursor.take(framing.length), trailers: [] };
    case 'close':
      if (!isClosed) throw new StrictPartial();
      return { body: cursor.takeRest(), trailers: [] };
    case 'chunked':
      return readChunks(cursor);
    case 'fault':
      throw new StrictFault(framing.fault);
  }
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"';
/** RFC 9112 §7.1 and §7.1.1; the size has at most 16 digits. */
const chunkLine = new RegExp(
  `^([0-9A-Fa-f]{1,16})(?:[ \\t]*;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|${quoted}))?)*$`,
);

/** Fields that frame or route a message, or speak of its connection, must come before it (RFC 9110 §6.5.1). */
const neverTrailers = new Set(
  'connection content-length expect host http2-settings keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);

function readChunks(cursor: StrictCursor): Pick<StrictMessage, 'body' | 'trailers'> {
  const pieces: Buffer[] = [];
  for (;;) {
    const match = chunkLine.exec(cursor.line('chunk line'));
    if (match === null) throw new StrictFault('a chunk line that is not a size and extensions');
    const size = Number.parseInt(match[1]!, 16); // inexact beyond 2^53, where no input is as long
    if (size === 0) break;
    pieces.push(cursor.take(size));
    if (cursor.line('end of a chunk') !== '') throw new StrictFault('a chunk that is longer than its size');
  }
  const trailers = readFieldLines(cursor);
  for (const [name] of trailers)
    if (neverTrailers.has(name.toLowerCase().replaceAll('_', '-')))
      throw new StrictFault(`${name} in the trailer section`);
  return { body: Buffer.concat(pieces), trailers };
}

import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { frameOf, type Message, MessageReader } from '../../harness/grpc/messages.ts';

/** The two forms of gRPC-Web (PROTOCOL-WEB.md): bytes, or base64 of them. */
export const webTypes = { bytes: 'application/grpc-web+proto', text: 'application/grpc-web-text+proto' } as const;
export type WebType = keyof typeof webTypes;

export type WebReply = {
  readonly httpStatus: number;
  readonly headers: Headers;
  readonly messages: readonly Message[];
  /** Fields of the trailers, from the last frame, or from the head when there is no such frame. */
  readonly trailers: ReadonlyMap<string, string>;
  /** The body has a frame of trailers, at its end. */
  readonly hasTrailersFrame: boolean;
  /** When each message was there, from the request on, in ms. */
  readonly arrivedMs: readonly number[];
};

const trailersFlag = 0x80;

/** Makes a call as a browser does: over HTTP/1.1, with the trailers in the body. */
export async function webCall(
  port: number,
  path: string,
  message: Buffer,
  type: WebType,
  fields: Readonly<Record<string, string>> = {},
): Promise<WebReply> {
  const begunMs = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { ...fieldsOf(type), ...fields },
    body: new Uint8Array(bodyOf(message, type)),
  });
  return readReply(response.status, response.headers, response.body ?? [], type, begunMs);
}

/** The same over HTTP/2, on a connection of its own. */
export async function webCallOverHttp2(port: number, ...call: WebCall): Promise<WebReply> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await webCallOn(session, ...call);
  } finally {
    session.destroy();
  }
}

type WebCall = [path: string, message: Buffer, type: WebType, fields?: Readonly<Record<string, string>>];

/** On a connection that may have other calls. */
export async function webCallOn(
  session: ClientHttp2Session,
  path: string,
  message: Buffer,
  type: WebType,
  fields: Readonly<Record<string, string>> = {},
): Promise<WebReply> {
  const begunMs = performance.now();
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    ':authority': 'app',
    ...fieldsOf(type),
    ...fields,
  });
  stream.on('trailers', () => stream.destroy(new Error('trailers beside the body')));
  stream.end(bodyOf(message, type));
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }];
  const headers = new Headers();
  for (const [name, value] of Object.entries(head)) if (!name.startsWith(':')) headers.append(name, String(value));
  return readReply(head[':status'], headers, stream, type, begunMs);
}

function fieldsOf(type: WebType): Readonly<Record<string, string>> {
  return { 'content-type': webTypes[type], accept: webTypes[type], 'x-grpc-web': '1' };
}

function bodyOf(message: Buffer, type: WebType): Buffer {
  const frame = frameOf(message);
  return type === 'text' ? Buffer.from(frame.toString('base64')) : frame;
}

async function readReply(
  httpStatus: number,
  headers: Headers,
  body: AsyncIterable<unknown> | readonly never[],
  type: WebType,
  begunMs: number,
): Promise<WebReply> {
  const reader = new MessageReader();
  const decode = type === 'text' ? base64Decoder() : (bytes: Buffer) => bytes;
  const frames: Message[] = [];
  const arrivedMs: number[] = [];
  for await (const piece of body) {
    const fresh = reader.take(decode(Buffer.from(piece as Uint8Array)));
    frames.push(...fresh);
    for (const { flags } of fresh) if (flags < trailersFlag) arrivedMs.push(performance.now() - begunMs);
  }
  if (reader.rest > 0) throw new Error(`${reader.rest} bytes are left behind the last frame`);
  const last = frames.at(-1);
  const hasTrailersFrame = last !== undefined && last.flags === trailersFlag;
  return {
    httpStatus,
    headers,
    messages: hasTrailersFrame ? frames.slice(0, -1) : frames,
    trailers: hasTrailersFrame ? trailersOf(last.bytes.toString('latin1')) : new Map(headers),
    hasTrailersFrame,
    arrivedMs,
  };
}

/** Each flush of a server may be padded by itself, so that "=" stands in the middle of a body, too. */
function base64Decoder(): (bytes: Buffer) => Buffer {
  let rest = '';
  return (bytes) => {
    const text = rest + bytes.toString('latin1');
    const whole = text.length - (text.length % 4);
    rest = text.slice(whole);
    const groups = text.slice(0, whole).match(/.{4}/gs) ?? [];
    return Buffer.concat(groups.map((group) => Buffer.from(group, 'base64')));
  };
}

function trailersOf(block: string): ReadonlyMap<string, string> {
  const lines = block.split('\r\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}

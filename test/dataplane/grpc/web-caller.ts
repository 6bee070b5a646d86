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
  const frame = frameOf(message);
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': webTypes[type], accept: webTypes[type], 'x-grpc-web': '1', ...fields },
    body: type === 'text' ? frame.toString('base64') : new Uint8Array(frame),
  });
  const reader = new MessageReader();
  const decode = type === 'text' ? base64Decoder() : (bytes: Buffer) => bytes;
  const frames: Message[] = [];
  const arrivedMs: number[] = [];
  for await (const piece of response.body ?? []) {
    const fresh = reader.take(decode(Buffer.from(piece as Uint8Array)));
    frames.push(...fresh);
    for (const { flags } of fresh) if (flags < trailersFlag) arrivedMs.push(performance.now() - begunMs);
  }
  if (reader.rest > 0) throw new Error(`${reader.rest} bytes are left behind the last frame`);
  const last = frames.at(-1);
  const hasTrailersFrame = last !== undefined && last.flags === trailersFlag;
  return {
    httpStatus: response.status,
    headers: response.headers,
    messages: hasTrailersFrame ? frames.slice(0, -1) : frames,
    trailers: hasTrailersFrame ? trailersOf(last.bytes.toString('latin1')) : new Map(response.headers),
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

import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import type { Http2Request } from './h2load.ts';
import { expectReply, type Fetched } from './reply-check.ts';

/** Sends a request once over HTTP/2; throws unless the whole reply comes back, its trailers included. */
export async function checkHttp2Reply(name: string, port: number, request: Http2Request): Promise<true> {
  const { trailers, ...fetched } = await fetchOnce(port, request);
  expectReply(name, fetched, request.reply.body);
  for (const [field, value] of Object.entries(request.reply.trailers))
    if (trailers[field] !== value)
      throw new Error(`${name} ends a reply with ${field} ${trailers[field]}, not ${value}`);
  return true;
}

async function fetchOnce(
  port: number,
  { host, path, fields, bodyFile }: Http2Request,
): Promise<Fetched & { trailers: Readonly<Record<string, unknown>> }> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined); // the stream tells it, too
  try {
    const method = bodyFile === null ? 'GET' : 'POST';
    const stream = session.request({ ...fields, ':method': method, ':authority': host, ':path': path });
    stream.setTimeout(5000, () => stream.destroy(new Error(`no reply from port ${port} within 5 s`)));
    stream.end(bodyFile === null ? undefined : readFileSync(bodyFile));
    let status = 0;
    let reason = '';
    let trailers: Readonly<Record<string, unknown>> = {};
    stream.once('response', (reply) => {
      status = reply[':status'] ?? 0;
      reason = String(reply['x-meshlane-reason'] ?? '');
    });
    stream.once('trailers', (received) => {
      trailers = received;
    });
    const received = await buffer(stream);
    return { status, reason, received, trailers };
  } finally {
    session.destroy();
  }
}

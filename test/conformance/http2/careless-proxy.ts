import { connect } from 'node:net';
import { RawClient } from '../../dataplane/harness/raw-client.ts';
import { frameOrigin, type OriginStream, replyFrames } from '../../harness/http2/frame-origin.ts';
import { rstStreamFrame } from '../../harness/http2/frame-writer.ts';
import type { Owner } from '../../harness/owner.ts';
import type { Lane } from '../http1/drive.ts';
import { RecordingOrigin } from '../http1/recording-origin.ts';

/** A gateway as nobody should write it: what comes in frames is put into lines as it is. */
export async function startCarelessProxy(t: Owner): Promise<Lane> {
  const origin = await new RecordingOrigin().listen(t);
  const gateway = await frameOrigin(t, (request) => forward(request, origin.port));
  return { port: gateway.port, origin };
}

async function forward(request: OriginStream, port: number): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const upstream = new RawClient(socket);
  upstream.send(messageOf(request));
  try {
    const bodyless = request.header(':method') === 'HEAD';
    const { status, body } = await upstream.reply({ bodyless, timeoutMs: 100 });
    return replyFrames(request.stream, { status, body });
  } catch {
    return rstStreamFrame(request.stream, 'INTERNAL_ERROR');
  } finally {
    socket.destroy();
  }
}

function messageOf({ fields, header, body, trailers }: OriginStream): string {
  const lines = (list: OriginStream['fields']) =>
    list.filter(([name]) => !name.startsWith(':')).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${header(':method')} ${header(':path')} HTTP/1.1\r\nhost: ${header(':authority')}\r\n${lines(fields).join('')}`;
  const text = body.toString('latin1');
  if (header('content-length') !== undefined) return `${head}\r\n${text}`;
  if (text === '') return `${head}\r\n`;
  const chunk = `${text.length.toString(16)}\r\n${text}\r\n`;
  return `${head}transfer-encoding: chunked\r\n\r\n${chunk}0\r\n${lines(trailers).join('')}\r\n`;
}

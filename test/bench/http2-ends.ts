import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess } from '../harness/process.ts';
import type { StartEnds } from './ends.ts';
import { type Http2Request, runH2load } from './h2load.ts';
import { checkHttp2Reply } from './http2-check.ts';
import { benchCall, benchRequest } from './mesh-config.ts';
import { onCpu } from './placement.ts';
import { filler } from './reply-check.ts';

/** Largest reply or message: with its prefix it fits one DATA frame of the size that everybody takes. */
export const maxHttp2Bytes = 16_000;

/**
 * h2load and a server of our own, over HTTP/2 by prior knowledge. The server reads nothing of a request but where it
 * ends: a reply of 1 kB takes it 1 us, where nghttpd takes 3.5 us, HAProxy 5 us and nginx 13 us.
 */
export const startHttp2Ends = startEnds('plain');

/** The same with unary calls of gRPC; `sizeBytes` is the message, both ways. */
export const startGrpcEnds = startEnds('grpc');

type Kind = 'plain' | 'grpc';

function startEnds(kind: Kind): StartEnds {
  return async (rig, { sizeBytes, originCpu = null }) => {
    const bodyFile = join(rig.folder, 'body');
    const request = requestOf(kind, sizeBytes, bodyFile);
    writeFileSync(bodyFile, request.reply.body);
    const args = [join(import.meta.dirname, 'http2-origin-main.ts'), kind, bodyFile];
    const running = await startProcess({
      ...onCpu(originCpu, process.execPath, args),
      t: rig.owner,
      ready: /^port \d+$/,
    });
    const port = Number(/^port (\d+)$/m.exec(running.output())![1]);
    const check = (name: string, at: number) => checkHttp2Reply(name, at, request);
    await check('the origin', port);
    return {
      origin: { port, pid: running.pid, program: `http2-origin-main.ts on node ${process.version}` },
      check,
      run: (at, load) => runH2load(at, load, request),
    };
  };
}

function requestOf(kind: Kind, sizeBytes: number, bodyFile: string): Http2Request {
  if (kind === 'plain')
    return { ...benchRequest, fields: {}, bodyFile: null, reply: { body: filler(sizeBytes), trailers: {} } };
  return {
    ...benchCall,
    fields: { 'content-type': 'application/grpc', te: 'trailers' },
    bodyFile,
    reply: { body: grpcMessage(filler(sizeBytes)), trailers: { 'grpc-status': '0' } },
  };
}

/** A message as it stands in a body: not compressed, its length in four bytes, itself. */
function grpcMessage(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

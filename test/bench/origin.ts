import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import { findPeer } from '../harness/peers.ts';
import { startProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';
import { benchRequest } from './mesh-config.ts';
import type { Rig } from './rig.ts';
import { writeTemplate } from './template.ts';

/** The server behind the proxies, and what it answers to every request. */
export type Origin = { readonly port: number; readonly pid: number; readonly version: string; readonly body: Buffer };

/** Largest reply: HAProxy answers from one buffer, and each connection has one. */
export const maxReplyBytes = 1_048_576;

/** Starts HAProxy as a server of one reply of `sizeBytes`, on the CPU of the load. */
export async function startOrigin(rig: Rig, sizeBytes: number): Promise<Origin> {
  const haproxy = await findPeer('haproxy');
  if (haproxy.path === null) throw new Error(`the origin is HAProxy, which is missing: ${haproxy.reason}`);
  const port = await freePort();
  const body = Buffer.alloc(sizeBytes, 'The quick brown fox jumps over the lazy dog. ');
  const bodyFile = join(rig.folder, 'body');
  writeFileSync(bodyFile, body);
  const config = writeTemplate('origin.cfg', rig.folder, {
    port,
    bodyFile,
    bufferBytes: Math.max(16_384, sizeBytes + 4096),
  });
  const { pid } = await startProcess({ command: haproxy.path, args: ['-db', '-f', config], t: rig.owner });
  await until(() => checkReply('the origin', port, body), { what: 'a reply from the origin' });
  return { port, pid, version: haproxy.version, body };
}

/** Sends the request of the bench once and throws unless the whole reply comes back: nobody measures an error page. */
export async function checkReply(name: string, port: number, body: Buffer): Promise<true> {
  const { status, reason, received } = await fetchOnce(port);
  if (status === 200 && received.equals(body)) return true;
  throw new Error(
    `${name} answers ${status}${reason ? ` (${reason})` : ''} with ${received.length} bytes; 200 with the origin’s ${body.length} bytes was expected`,
  );
}

function fetchOnce(port: number): Promise<{ status: number; reason: string; received: Buffer }> {
  return new Promise((resolve, reject) => {
    const { host, path } = benchRequest;
    const request = get({ host: '127.0.0.1', port, path, headers: { host }, agent: false, timeout: 5000 }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.once('error', reject);
      reply.once('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          reason: String(reply.headers['x-meshlane-reason'] ?? ''),
          received: Buffer.concat(chunks),
        }),
      );
    });
    request.once('timeout', () => request.destroy(new Error(`no reply from port ${port} within 5 s`)));
    request.once('error', reject);
  });
}

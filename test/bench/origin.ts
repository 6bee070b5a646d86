import { writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { get as getOverTls, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import { findPeer } from '../harness/peers.ts';
import { startProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';
import type { Origin } from './ends.ts';
import { benchRequest } from './mesh-config.ts';
import { onCpu } from './placement.ts';
import { expectReply, type Fetched, filler } from './reply-check.ts';
import type { Rig } from './rig.ts';
import { writeTemplate } from './template.ts';
import { type TlsFiles, tlsSuite } from './tls-files.ts';

/** Largest reply: HAProxy answers from one buffer, and each connection has one. */
export const maxReplyBytes = 1_048_576;

/** Starts HAProxy as a server of one reply of `sizeBytes`, on the CPU of the load unless another is named. */
export async function startOrigin(
  rig: Rig,
  sizeBytes: number,
  cpu: number | null = null,
): Promise<Origin & { readonly body: Buffer }> {
  const haproxy = await findPeer('haproxy');
  if (haproxy.path === null) throw new Error(`the origin is HAProxy, which is missing: ${haproxy.reason}`);
  const port = await freePort();
  const body = filler(sizeBytes);
  const bodyFile = join(rig.folder, 'body');
  writeFileSync(bodyFile, body);
  const config = writeTemplate('origin.cfg', rig.folder, {
    port,
    bodyFile,
    bufferBytes: Math.max(16_384, sizeBytes + 4096),
  });
  const { pid } = await startProcess({ ...onCpu(cpu, haproxy.path, ['-db', '-f', config]), t: rig.owner });
  await until(() => checkReply('the origin', port, body), { what: 'a reply from the origin' });
  return { port, pid, program: `haproxy ${haproxy.version}`, body };
}

/** Sends the request of the bench once, over the TLS that is to be measured where one is: see `expectReply`. */
export async function checkReply(name: string, port: number, body: Buffer, tls: TlsFiles | null = null): Promise<true> {
  return expectReply(name, await fetchOnce(port, tls), body);
}

function fetchOnce(port: number, tls: TlsFiles | null): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const { host, path } = benchRequest;
    const common = { host: '127.0.0.1', port, path, headers: { host }, agent: false as const, timeout: 5000 };
    const request = tls ? getOverTls({ ...common, ...clientTls(tls) }) : get(common);
    request.once('response', (reply) => gather(reply, resolve, reject));
    request.once('timeout', () => request.destroy(new Error(`no reply from port ${port} within 5 s`)));
    request.once('error', reject);
  });
}

function clientTls({ trusted }: TlsFiles): RequestOptions {
  const { host } = benchRequest;
  return { ca: trusted, servername: host, minVersion: 'TLSv1.3', ciphers: tlsSuite };
}

function gather(reply: IncomingMessage, resolve: (fetched: Fetched) => void, reject: (error: Error) => void): void {
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
}

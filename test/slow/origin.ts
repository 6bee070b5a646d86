import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import type { Owner } from '../harness/owner.ts';
import { findPeer } from '../harness/peers.ts';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';

/** More than what the kernel buffers of a whole path hold, so that a slow reader is felt by the proxy. */
export const largeBytes = 8 * 1024 * 1024;

/**
 * nginx as the application: `/small` is a page of 1 kB, `/large` one that readers can be slow with, `/upload` waits for
 * the whole body and then answers as `/small` does. It gives every connection 64 kB a turn, so that it is never what is slow.
 */
export async function startOrigin(t: Owner): Promise<number> {
  const nginx = await findPeer('nginx');
  if (nginx.path === null) throw new Error(`the origin is nginx, which is missing: ${nginx.reason}`);
  const port = await freePort();
  const folder = tempFolder(t);
  const place = (name: string) => join(folder, name);
  mkdirSync(place('pages'));
  writeFileSync(place('pages/small'), 'x'.repeat(1024));
  writeFileSync(place('pages/large'), Buffer.alloc(largeBytes, 'x'));
  chmodSync(folder, 0o777); // its worker gives up root, and keeps bodies here
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${place(name)};`,
  );
  writeFileSync(
    place('nginx.conf'),
    `daemon off; worker_processes 1; worker_rlimit_nofile 8192; pid ${place('pid')}; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; sendfile_max_chunk 64k; large_client_header_buffers 4 64k; client_body_timeout 300s;
  ${temporary.join(' ')}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${place('pages')};
    location = /upload { proxy_method GET; proxy_set_body ""; proxy_pass http://127.0.0.1:${port}/small; }
  }
}
`,
  );
  await startProcess({ command: nginx.path, args: ['-c', place('nginx.conf')], t });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/small`)).ok, { what: 'a page of the origin' });
  return port;
}

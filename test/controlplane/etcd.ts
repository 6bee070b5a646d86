import { freePort } from '../harness/free-port.ts';
import type { Owner } from '../harness/owner.ts';
import { peer } from '../harness/peers.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';

export type RunningEtcd = { readonly address: string; readonly process: RunningProcess };

/** A real etcd of one member on free ports, with its data in a temporary folder (or the given one, to start it again). */
export async function startEtcd(
  t: Owner,
  again?: { address: string; folder: string },
): Promise<RunningEtcd & { folder: string }> {
  const command = await peer('etcd');
  if (command === null) throw new Error('etcd cannot be had; use skipWithout first');
  const folder = again?.folder ?? tempFolder(t);
  const address = again?.address ?? `127.0.0.1:${await freePort()}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const client = `http://${address}`;
  const process = await startProcess({
    command,
    args: [
      ...['--name', 'one', '--data-dir', `${folder}/etcd`],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...[
        '--listen-peer-urls',
        peerUrl,
        '--initial-advertise-peer-urls',
        peerUrl,
        '--initial-cluster',
        `one=${peerUrl}`,
      ],
    ],
    ready: /ready to serve client requests|serving insecure client requests/,
    t,
  });
  return { address, folder, process };
}

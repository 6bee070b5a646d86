import type { CertificateFiles } from '../harness/certificate.ts';
import { freePort } from '../harness/free-port.ts';
import type { Owner } from '../harness/owner.ts';
import { peer } from '../harness/peers.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { callApi, type Reply } from './plane.ts';

/** What a member is started with, and what it is started again with to be the same one. */
export type EtcdMember = {
  readonly address: string;
  readonly folder: string;
  readonly flags: readonly string[];
  /** It speaks TLS with the first certificate, and asks for one that is signed by the second. */
  readonly tls: { readonly server: CertificateFiles; readonly client: CertificateFiles } | null;
  readonly peerUrl: string;
  readonly name: string;
  readonly cluster: string;
};

export type RunningEtcd = EtcdMember & { readonly process: RunningProcess };

const ready = /ready to serve client requests|serving (?:insecure )?client requests/;

/** A real etcd of one member on free ports, with its data in a temporary folder; given one that ran, that one again. */
export async function startEtcd(t: Owner, again: Partial<EtcdMember> = {}): Promise<RunningEtcd> {
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const member = await newMember(t, { name: 'one', cluster: `one=${peerUrl}`, peerUrl, ...again });
  return { ...member, process: await startMember(t, member, ready) };
}

/** Three members that are ready. */
export async function startEtcdCluster(t: Owner): Promise<RunningEtcd[]> {
  const peers: { name: string; peerUrl: string }[] = [];
  for (const name of ['one', 'two', 'three']) peers.push({ name, peerUrl: `http://127.0.0.1:${await freePort()}` });
  const cluster = peers.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join();
  const flags = ['--heartbeat-interval', '50', '--election-timeout', '500'];
  return Promise.all(
    peers.map(async (one) => {
      const member = await newMember(t, { ...one, cluster, flags });
      return { ...member, process: await startMember(t, member, ready) };
    }),
  );
}

/** Starts a member of a cluster again; the others may be away. */
export async function startMemberAgain(t: Owner, member: EtcdMember): Promise<RunningEtcd> {
  return { ...member, process: await startMember(t, member, null) };
}

/** Runs etcdctl; rejects with what it said when it fails. */
export async function etcdctl({ address, tls }: EtcdMember, ...args: readonly string[]): Promise<string> {
  return etcdctlWith({ address, tls }, args);
}

async function etcdctlWith(
  { address, tls }: Pick<EtcdMember, 'address' | 'tls'>,
  args: readonly string[],
  input = '',
): Promise<string> {
  const command = await peer('etcdctl');
  if (command === null) throw new Error('etcdctl cannot be had; use skipWithout first');
  const access = tls
    ? ['--cacert', tls.server.certificate, '--cert', tls.client.certificate, '--key', tls.client.privateKey]
    : [];
  const endpoint = `${tls ? 'https' : 'http'}://${address}`;
  const options = { env: { ETCDCTL_API: '3' }, input };
  const done = await runCommand(command, ['--endpoints', endpoint, ...access, ...args], options);
  if (done.code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

/** Writes a value of any bytes. */
export async function putByHand({ address }: EtcdMember, key: string, value: string | Buffer): Promise<Reply> {
  const [encodedKey, encodedValue] = [key, value].map((part) => Buffer.from(part).toString('base64'));
  return callApi(`http://${address}`, 'POST', '/v3/kv/put', { key: encodedKey, value: encodedValue });
}

/** Has etcd ask for logins: by root, and by a user `mesh` that may do everything below the prefix. */
export async function turnAuthOn(etcd: EtcdMember, prefix: string, password: string): Promise<void> {
  await etcdctl(etcd, 'user', 'add', 'root:root-pw');
  await etcdctl(etcd, 'user', 'grant-role', 'root', 'root');
  await etcdctl(etcd, 'role', 'add', 'mesh');
  await etcdctl(etcd, 'role', 'grant-permission', '--prefix=true', 'mesh', 'readwrite', prefix);
  await etcdctl(etcd, 'user', 'add', `mesh:${password}`);
  await etcdctl(etcd, 'user', 'grant-role', 'mesh', 'mesh');
  await etcdctl(etcd, 'auth', 'enable');
}

/** Gives the user `mesh` another password. */
export async function changePassword(etcd: EtcdMember, password: string): Promise<void> {
  const args = ['--user', 'root:root-pw', 'user', 'passwd', 'mesh', '--interactive=false'];
  await etcdctlWith(etcd, args, `${password}\n`);
}

/** Stops a process until it is told to go on. */
export async function pause({ pid }: RunningProcess): Promise<() => void> {
  process.kill(pid, 'SIGSTOP');
  await until(async () => /^State:\s+T/m.test((await runCommand('cat', [`/proc/${pid}/status`])).stdout));
  return () => process.kill(pid, 'SIGCONT');
}

async function newMember(t: Owner, known: Partial<EtcdMember> & Pick<EtcdMember, 'name' | 'cluster' | 'peerUrl'>) {
  const member: EtcdMember = {
    address: known.address ?? `127.0.0.1:${await freePort()}`,
    folder: known.folder ?? tempFolder(t),
    flags: known.flags ?? [],
    tls: known.tls ?? null,
    peerUrl: known.peerUrl,
    name: known.name,
    cluster: known.cluster,
  };
  return member;
}

async function startMember(t: Owner, member: EtcdMember, isReady: RegExp | null): Promise<RunningProcess> {
  const command = await peer('etcd');
  if (command === null) throw new Error('etcd cannot be had; use skipWithout first');
  const { address, folder, flags, tls, name, cluster, peerUrl } = member;
  const client = `${tls ? 'https' : 'http'}://${address}`;
  const tlsFlags = tls
    ? [
        ...['--cert-file', tls.server.certificate, '--key-file', tls.server.privateKey],
        ...['--trusted-ca-file', tls.client.certificate, '--client-cert-auth'],
      ]
    : [];
  return startProcess({
    command,
    args: [
      ...['--name', name, '--data-dir', `${folder}/etcd`],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', cluster],
      ...tlsFlags,
      ...flags,
    ],
    ...(isReady ? { ready: isReady } : {}),
    t,
  });
}

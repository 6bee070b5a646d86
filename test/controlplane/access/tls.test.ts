import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import t from 'tap';
import type { ControlPlaneOptions } from '../../../controlplane/control-plane.ts';
import { formatAddress } from '../../../shared/discovery/address.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { CertificateFiles } from '../../harness/certificate.ts';
import type { Owner } from '../../harness/owner.ts';
import { peer, skipWithout } from '../../harness/peers.ts';
import { runCommand } from '../../harness/run-command.ts';
import { until } from '../../harness/until.ts';
import { register } from '../sidecar.ts';
import { Authority } from './authority.ts';
import { callSecurely, type GuardedPlane, pushClient, startGuardedPlane, tokens } from './guarded-plane.ts';

type SecurePlane = { plane: GuardedPlane; authority: Authority; url: string; server: CertificateFiles };

/** Its push address by a name, as the library takes no other for TLS. */
function atLocalhost({ pushAddress }: GuardedPlane): string {
  return `localhost:${pushAddress.port}`;
}

/** Server and clients are certified by one authority. */
async function startSecurePlane(t: Owner, options: ControlPlaneOptions = {}): Promise<SecurePlane> {
  const authority = await Authority.make(t);
  const server = await authority.issue({ commonName: 'control-plane', as: 'server' });
  const tls = { ...server, clientCa: authority.certificate };
  const plane = await startGuardedPlane(t, { tls, ...options });
  return { plane, authority, server, url: `https://${formatAddress(plane.apiAddress)}` };
}

t.test('the API takes a token over TLS, from curl', await skipWithout('curl'), async (t) => {
  const { plane, authority, url } = await startSecurePlane(t);
  const curl = async (...args: string[]) => {
    const written = ['-s', '-o', '/dev/null', '-w', '%{http_code}'];
    const { code, stdout } = await runCommand((await peer('curl'))!, [...written, ...args, `${url}/v1/services`]);
    return code === 0 ? Number(stdout) : `exit ${code}`;
  };
  const ca = ['--cacert', authority.certificate];
  t.equal(await curl(...ca, '-H', `Authorization: Bearer ${tokens.reader}`), 200);
  t.equal(await curl(...ca), 401);
  t.equal(await curl(), 'exit 60', 'whose certificate curl does not trust by itself');
  t.equal(await curl(...ca, '--tls-max', '1.1'), 'exit 35');
  const deployer = await authority.issue({ commonName: 'deployer' });
  t.equal(await curl(...ca, '--cert', deployer.certificate, '--key', deployer.privateKey), 200);
  t.equal(plane.logged.length, 0);
});

t.test('a client certificate says who it is; a wrong one says nothing', async (t) => {
  const { authority, url } = await startSecurePlane(t);
  const other = await Authority.make(t);
  const ca = authority.certificate;
  const get = (certificate: CertificateFiles, token?: string) =>
    callSecurely(url, 'GET', '/v1/services', { ca, certificate, ...(token === undefined ? {} : { token }) });
  t.equal((await get(await authority.issue({ commonName: 'deployer' }))).status, 200);
  const stranger = await authority.issue({ commonName: 'stranger' });
  t.match(await get(stranger), { status: 403, body: { detail: /no entry .* gives the identity "stranger" a role/ } });
  t.equal((await get(stranger, tokens.reader)).status, 200, 'a token stands above the certificate');
  t.equal((await get(await authority.issue({ commonName: 'deployer' }), 'a-wrong-token')).status, 401);
  const foreign = await other.issue({ commonName: 'deployer' });
  t.match(await get(foreign), { status: 401, body: { detail: /certificate is not trusted: UNABLE_TO_VERIFY/ } });
  t.equal((await get(foreign, tokens.reader)).status, 200);
  const expired = await authority.issue({ commonName: 'deployer', days: -1 });
  t.match(await get(expired), { status: 401, body: { detail: /certificate is not trusted: CERT_HAS_EXPIRED/ } });
  const workload = await authority.spiffe('spiffe://mesh/ns/shop/sa/cart');
  t.match(await get(workload), {
    status: 403,
    body: { detail: /"spiffe:\/\/mesh\/ns\/shop\/sa\/cart" has the role workload/ },
  });
});

t.test('a certificate that expires on an open connection is none any more', async (t) => {
  let nowMs = Date.UTC(2020, 0, 1);
  const { plane, authority, url } = await startSecurePlane(t, {
    clock: { monotonicMs: () => performance.now(), wallMs: () => nowMs },
  });
  const certificate = await authority.issue({ commonName: 'deployer' });
  const shown = { ca: authority.certificate, certificate };
  t.equal((await callSecurely(url, 'GET', '/v1/services', shown)).status, 200);
  nowMs = Date.UTC(2100, 0, 1);
  t.match(await callSecurely(url, 'GET', '/v1/services', shown), {
    status: 401,
    body: { detail: /has expired since/ },
  });
  await until(() => plane.audited().some(({ reason }) => /has expired since/.test(String(reason))));
});

t.test('a workload registers over the push port by its SPIFFE ID, as its own service only', async (t) => {
  const { plane, authority } = await startSecurePlane(t);
  const certificate = await authority.spiffe('spiffe://mesh/ns/shop/sa/cart');
  const client = pushClient(t, atLocalhost(plane), { ca: authority.certificate, certificate });
  const instance = (service: string) => ({
    kind: 'Instance',
    name: `${service}-1`,
    spec: { service, address: '127.0.0.1', port: 9000 },
  });
  await register(client, instance('cart.shop'));
  await t.rejects(register(client, instance('pay.bank')), { code: grpc.status.PERMISSION_DENIED });
  const nobody = pushClient(t, atLocalhost(plane), { ca: authority.certificate });
  await t.rejects(register(nobody, instance('cart.shop')), { code: grpc.status.UNAUTHENTICATED });
  const other = await Authority.make(t);
  const foreign = await other.spiffe('spiffe://mesh/ns/shop/sa/cart');
  const stranger = pushClient(t, atLocalhost(plane), { ca: authority.certificate, certificate: foreign });
  await t.rejects(register(stranger, instance('cart.shop')), { code: grpc.status.UNAUTHENTICATED });
});

t.test('new files are shown without a restart; files that are no pair change nothing', async (t) => {
  const { plane, authority, server, url } = await startSecurePlane(t);
  const shownBy = (port: number) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        resolve(socket.getPeerX509Certificate()!.serialNumber);
        socket.destroy();
      });
    });
  const ports = [plane.apiAddress.port, plane.pushAddress.port];
  const before = await Promise.all(ports.map(shownBy));
  const next = await authority.issue({ commonName: 'control-plane' });
  writeFileSync(server.privateKey, '');
  const stale = async () => {
    const { body } = await callSecurely(url, 'GET', '/metrics', { ca: authority.certificate, token: tokens.reader });
    return /meshlane_control_plane_files_stale (\d)/.exec(body)?.[1];
  };
  await until(async () => (await stale()) === '1', { what: 'the fault in the metrics' });
  t.ok(plane.logged.some((line) => /the new certificate cannot be used/.test(line)));
  t.strictSame(await Promise.all(ports.map(shownBy)), before);
  copyFileSync(next.certificate, server.certificate);
  copyFileSync(next.privateKey, server.privateKey);
  await until(async () => (await Promise.all(ports.map(shownBy))).every((serial, i) => serial !== before[i]));
  t.equal(await stale(), '0');
});

t.test('stops at once, whoever has not finished a handshake', async (t) => {
  const { plane } = await startSecurePlane(t);
  const sockets = [plane.apiAddress, plane.pushAddress].map(({ port }) => connectTcp(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.on('error', () => undefined);
  const startMs = performance.now();
  await plane.close();
  t.ok(performance.now() - startMs < 6_000);
  for (const socket of sockets) socket.destroy();
});

t.test('files that cannot be used keep it from starting, and are named with their flag', async (t) => {
  const authority = await Authority.make(t);
  const [one, two] = [await authority.issue({}), await authority.issue({})];
  const start = (tls: CertificateFiles & { clientCa?: string }) => startGuardedPlane(t, { tls });
  await t.rejects(start({ ...one, privateKey: two.privateKey }), /--tls-key .* is not the key of/);
  await t.rejects(start({ ...one, certificate: one.privateKey }), /--tls-cert .* cannot be used/);
  await t.rejects(start({ ...one, clientCa: '/nowhere.pem' }), /--client-ca \/nowhere\.pem cannot be used/);
});

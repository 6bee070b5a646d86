import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  ControlPlaneCredentials,
  type CredentialFiles,
} from '../../../dataplane/supervisor/control-plane-credentials.ts';
import { Discovery } from '../../../dataplane/supervisor/discovery-client.ts';
import type { Log } from '../../../observability/logging/log.ts';
import { readResource } from '../../../shared/resources/read.ts';
import type { InstanceResource } from '../../../shared/resources/schema.ts';
import type { Owner } from '../../harness/owner.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { Authority } from './authority.ts';
import { type GuardedPlane, startGuardedPlane, tokens } from './guarded-plane.ts';

const none: CredentialFiles = { ca: null, certificate: null, privateKey: null, token: null };

type Started = { readonly logged: string[]; isConnected: boolean; connections: number; register(): void };

/** The sidecar's end of the push stream, of the service cart.shop. */
async function startSidecar(t: Owner, plane: GuardedPlane, files: Partial<CredentialFiles>): Promise<Started> {
  const logged: string[] = [];
  const write = (text: string, data?: object) => void logged.push(`${text} ${JSON.stringify(data ?? {})}`);
  const log: Log = { info: write, warn: write };
  const credentials = await ControlPlaneCredentials.open({ ...none, ...files }, log, 20);
  const options = { controlPlane: plane.push, sidecar: 'cart-1', service: 'cart.shop', version: '0', credentials };
  const events = {
    onChange: async () => null,
    onConnected: (isConnected: boolean) => {
      if (isConnected && !started.isConnected) started.connections++;
      started.isConnected = isConnected;
    },
    scope: () => [],
  };
  const discovery = new Discovery(options, events, log);
  t.teardown(() => discovery.close());
  const spec = { service: 'cart.shop', address: '127.0.0.1', port: 9000, leaseSeconds: 60 };
  const read = readResource({ kind: 'Instance', name: 'cart-1', spec });
  const started: Started = {
    logged,
    isConnected: false,
    connections: 0,
    register: () => discovery.register((read as { value: InstanceResource }).value),
  };
  discovery.start(0, '');
  return started;
}

t.test('a token that is refused is told once; a new file is tried at once', async (t) => {
  const plane = await startGuardedPlane(t);
  const token = join(tempFolder(t), 'token');
  writeFileSync(token, 'a-token-of-yesterday\n');
  const sidecar = await startSidecar(t, plane, { token });
  sidecar.register();
  const told = (what: string) => sidecar.logged.filter((line) => line.includes(`refuses ${what}`));
  await until(() => told('the push stream').length > 0 && told('the registration').length > 0);
  t.match(told('the push stream')[0], /the token is not known here, or no longer/);
  await until(() => plane.audited().length >= 3, { what: 'another try' });
  t.equal(told('the push stream').length, 1);
  t.ok(plane.audited().length < 10, 'it does not hammer on the door');
  writeFileSync(token, `${tokens.workload}\n`);
  await until(() => sidecar.isConnected);
  await until(async () => (await plane.as('reader', 'GET', '/v1/instances/cart-1')).status === 200);
});

t.test('a renewed certificate is shown on a new connection, to an address as to a name', async (t) => {
  const authority = await Authority.make(t);
  const server = await authority.issue({ as: 'server' });
  const plane = await startGuardedPlane(t, { tls: { ...server, clientCa: authority.certificate } });
  const mine = await authority.spiffe('spiffe://mesh/ns/shop/sa/cart', { as: 'mine' });
  const sidecar = await startSidecar(t, plane, { ca: authority.certificate, ...mine });
  await until(() => sidecar.isConnected);
  const next = await authority.spiffe('spiffe://mesh/ns/shop/sa/cart');
  const refusals = () => sidecar.logged.filter((line) => /cannot be used, the last ones stay/.test(line)).length;
  const good = readFileSync(mine.certificate, 'utf8');
  writeFileSync(mine.certificate, 'half of a certif');
  await until(() => refusals() === 1);
  writeFileSync(
    mine.certificate,
    `${good}-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n`,
  );
  await until(() => refusals() === 2, { what: 'a chain that is broken behind its first certificate is refused' });
  t.ok(sidecar.isConnected);
  copyFileSync(next.privateKey, mine.privateKey);
  copyFileSync(next.certificate, mine.certificate);
  await until(() => sidecar.connections === 2);
});

t.test('a control plane of another authority, or of another name, gets no sidecar', async (t) => {
  const [authority, other] = [await Authority.make(t), await Authority.make(t)];
  const named = await authority.issue({ names: 'DNS:elsewhere.test' });
  const plane = await startGuardedPlane(t, { tls: named });
  const cases: readonly [ca: string, why: RegExp][] = [
    [authority.certificate, /IP: 127\.0\.0\.1 is not in the cert's list/],
    [other.certificate, /unable to verify the first certificate|unable to get local issuer|signature/],
  ];
  for (const [ca, why] of cases) {
    const sidecar = await startSidecar(t, plane, { ca });
    await until(() => sidecar.logged.some((line) => why.test(line)), { what: String(why) });
    t.equal(sidecar.isConnected, false);
  }
});

t.test('files that cannot be used are named with their flag', async (t) => {
  const plane = await startGuardedPlane(t);
  const empty = join(tempFolder(t), 'token');
  writeFileSync(empty, '\n');
  await t.rejects(startSidecar(t, plane, { token: empty }), /--control-plane-token-file .* holds no token/);
  await t.rejects(startSidecar(t, plane, { ca: '/nowhere.pem' }), /--control-plane-ca \/nowhere\.pem cannot be used/);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { openStore } from '../../../controlplane/store/open-store.ts';
import type { StoreFlags } from '../../../controlplane/store/store-access.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { makeCertificate } from '../../harness/certificate.ts';
import { skipWithout } from '../../harness/peers.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { startEtcd, turnAuthOn } from '../etcd.ts';
import { startPlane } from '../plane.ts';

const needsEtcd = await skipWithout('etcd');

t.test('etcd behind TLS, a client certificate and a login', needsEtcd, async (t) => {
  const folder = tempFolder(t);
  const tls = {
    server: await makeCertificate(folder, 'localhost', 'server'),
    client: await makeCertificate(folder, 'mesh', 'client'),
  };
  const [privateKey, publicKey] = [join(folder, 'jwt.key'), join(folder, 'jwt.pub')];
  await runCommand('openssl', ['genrsa', '-out', privateKey, '2048']);
  await runCommand('openssl', ['rsa', '-in', privateKey, '-pubout', '-out', publicKey]);
  const token = `jwt,pub-key=${publicKey},priv-key=${privateKey},sign-method=RS256,ttl=1s`;
  const etcd = await startEtcd(t, { tls, flags: ['--auth-token', token] });
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'mesh-pw\n');
  const certificates = { ca: tls.server.certificate, cert: tls.client.certificate, key: tls.client.privateKey };
  const access = { ...certificates, user: 'mesh', passwordFile };
  const open = async (flags: StoreFlags, scheme = 'etcds') => {
    const store = await openStore(`${scheme}://${etcd.address}/mesh`, systemClock, flags);
    t.teardown(() => store.close());
    return store;
  };

  t.test('a login is no harm where nobody asks for one', async () => {
    const store = await open(access);
    t.match(await store.commit([{ type: 'put', key: 'Route/a', value: '1' }]), { ok: true });
    await turnAuthOn(etcd, '/mesh/', 'mesh-pw');
    t.match(await store.get('Route/a'), { value: '1' }, 'and is used once somebody does');
  });

  t.test('a token that expired is replaced, in calls and in watches', async (t) => {
    const plane = await startPlane(t, { store: `etcds://${etcd.address}/mesh`, storeAccess: access });
    t.equal((await plane.call('PUT', '/v1/services/early', {})).status, 201);
    await wait(1_500); // the life of a token
    t.equal((await plane.call('PUT', '/v1/services/late', {})).status, 201);
    const store = await open(access);
    const { revision } = await store.list('');
    await wait(1_500);
    const changes: number[] = [];
    const lost: string[] = [];
    const follow = () =>
      store.watch('', revision + 1, {
        onChange: ({ revision: at }) => changes.push(at),
        onLost: (_reason, detail) => {
          lost.push(detail);
          follow();
        },
      });
    follow();
    t.equal((await plane.call('PUT', '/v1/services/last', {})).status, 201);
    await until(() => changes.length > 0, { what: 'the change' });
    t.ok(lost.length < 3, `a watch is refused once at most: ${lost}`);
  });

  t.test('a CA is enough for TLS', async (t) => {
    t.ok(await (await open(access, 'etcd')).list(''));
  });

  t.test('a certificate in the name of a user of etcd needs no password', async (t) => {
    t.ok(await (await open(certificates)).list(''));
  });

  t.test('what is refused is told with its reason', async (t) => {
    const { ca, ...noCa } = access;
    await t.rejects((await open(noCa)).list(''), /self.signed certificate/);
    await t.rejects((await open({ ca, user: 'mesh', passwordFile })).list(''), /etcds:.*(certificate|connection)/i);
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, 'no');
    await t.rejects(
      (await open({ ...access, passwordFile: wrong })).list(''),
      /refuses the login; check --store-user and --store-password-file/,
    );
    const other = await openStore(`etcds://${etcd.address}/other`, systemClock, access);
    t.teardown(() => other.close());
    await t.rejects(other.list(''), /needs a role with readwrite on the prefix/);
  });
});

t.test('flags that do not fit together are told by name', async (t) => {
  const folder = tempFolder(t);
  const { certificate: cert, privateKey: key } = await makeCertificate(folder);
  const other = await makeCertificate(folder, 'localhost', 'other');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'x');
  const cases: readonly (readonly [string, StoreFlags, RegExp])[] = [
    ['sqlite::memory:', { user: 'a' }, /^--store-user is for etcd only; the store is sqlite::memory:$/],
    ['etcd://a:1', { cert, key }, /^--store-cert is for TLS; write etcds:\/\/ in the store, or give --store-ca$/],
    ['etcds://a:1', { cert }, /^--store-cert needs --store-key$/],
    ['etcds://a:1', { key }, /^--store-key needs --store-cert$/],
    ['etcd://a:1', { user: 'a' }, /^--store-user needs --store-password-file$/],
    ['etcd://a:1', { passwordFile }, /^--store-password-file needs --store-user$/],
    [
      'etcd://a:1',
      { user: 'a', passwordFile: '/nowhere' },
      /^--store-password-file: \/nowhere cannot be read \(ENOENT/,
    ],
    ['etcds://a:1', { ca: '/nowhere' }, /^--store-ca: \/nowhere cannot be read \(ENOENT/],
    ['etcds://a:1', { ca: passwordFile }, /^--store-ca must be a PEM file; .*password is none$/],
    ['etcds://a:1', { cert, key: other.privateKey }, /^--store-cert .* and --store-key .* cannot be used: .*mismatch/],
    ['etcdx://a:1', {}, /^--store must be sqlite:FILE/],
  ];
  for (const [store, flags, message] of cases)
    await t.rejects(openStore(store, systemClock, flags), { message }, `${store} ${Object.keys(flags)}`);
});

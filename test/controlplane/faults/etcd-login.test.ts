import { writeFileSync } from 'node:fs';
import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { changePassword, startEtcd, turnAuthOn } from '../etcd.ts';
import { serveMesh } from './served-mesh.ts';

t.test(
  'etcd that begins to ask for logins, and then for another password',
  await skipWithout('etcd', 'etcdctl'),
  async (whole) => {
    const etcd = await startEtcd(whole);
    const passwordFile = `${tempFolder(whole)}/password`;
    writeFileSync(passwordFile, 'first');
    const store = `etcd://${etcd.address}/mesh`;
    const stranger = await serveMesh(whole, store);
    const user = await serveMesh(whole, `etcd://${etcd.address}/with-user`, [
      '--store-user',
      'mesh',
      '--store-password-file',
      passwordFile,
    ]);
    await turnAuthOn(etcd, '/', 'first');

    whole.test('refuses a control plane without a login, which says so and goes on serving', async (t) => {
      t.match(await stranger.putService('refused'), {
        status: 503,
        body: { detail: /give --store-user and --store-password-file/ },
      });
      await until(async () => (await stranger.readiness()).status === 503);
      t.match(await stranger.readiness(), {
        body: /^the store cannot be reached: .* etcd asks for a login; give --store-user/,
      });
      t.match(stranger.plane.output(), /the store cannot be reached; trying again.*etcd asks for a login/);
      t.equal((await stranger.call('GET', '/v1/services/kept-1')).status, 200);
      t.equal(stranger.sidecar.ended, null);
      t.equal(stranger.sidecar.documents.size, 3);
    });

    whole.test('takes one that has a login', async (t) => {
      await user.recovers(t);
    });

    whole.test('refuses the former password, and takes the new one without a restart', async (t) => {
      await changePassword(etcd, 'second');
      t.match(await user.putService('refused'), {
        status: 503,
        body: { detail: /etcd refuses the login; check --store-user/ },
      });
      await until(async () => /etcd refuses the login/.test((await user.readiness()).body));
      t.match(user.plane.output(), /the store cannot be reached; trying again.*etcd refuses the login/);
      t.equal(user.sidecar.ended, null);
      writeFileSync(passwordFile, 'second');
      await user.recovers(t);
      t.equal((await user.readiness()).status, 200);
    });

    whole.test('ends nothing', async (t) => {
      t.same(await stranger.plane.stop(), { code: 0, signal: null });
      t.same(await user.plane.stop(), { code: 0, signal: null });
    });
  },
);

import t from 'tap';
import { runCli } from '../controlplane/run-cli.ts';
import { ask, get } from '../dataplane/harness/raw-client.ts';
import { reply, scriptedOrigin } from '../dataplane/harness/scripted-origin.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { startPlane, startSidecar } from './mesh.ts';

t.test('a sidecar believes the callers that its flags name, and takes the names that they allow', async (t) => {
  const plane = await startPlane(t, 'sqlite::memory:');
  await plane.call('PUT', '/v1/services/app', {});
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const fields = 'X-Forwarded-For: 192.0.2.1\r\nuser_id: 7\r\n';
  for (const [more, chain, user] of [
    [[], '127.0.0.1', undefined],
    [['--trust', '10.0.0.0/8,127.0.0.1', '--underscores', 'allow'], '192.0.2.1, 127.0.0.1', '7'],
  ] as const) {
    const { inbound } = await startSidecar(t, {
      push: plane.push,
      service: 'app',
      name: `app-${more.length}`,
      state: tempFolder(t),
      more: ['--app-port', String(origin.port), ...more],
    });
    t.equal((await ask(t, inbound, get('/', 'app', fields))).status, 200);
    t.equal(origin.requests.at(-1)?.header('x-forwarded-for'), chain);
    t.equal(origin.requests.at(-1)?.header('user_id'), user);
  }
});

t.test('flags that name no range are refused with the place', async (t) => {
  const flags = ['--control-plane', '127.0.0.1:1', '--service', 'app', '--app-port', '1'];
  const trust = await runCli(['proxy', ...flags, '--trust', '10.0.0.0/8,10.0.0.0/33']);
  t.equal(trust.code, 2);
  t.match(trust.stderr, /forwarding\/trusted\/1.*"10\.0\.0\.0\/33" is not an IP address or range/);
  const names = await runCli(['proxy', ...flags, '--underscores', 'keep']);
  t.equal(names.code, 2);
  t.match(names.stderr, /underscoreNames.*must be one of drop, refuse, allow/);
});

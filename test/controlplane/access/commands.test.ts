import { renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { runCli } from '../run-cli.ts';
import { Authority } from './authority.ts';
import { accessYaml, hashOf, tokens } from './guarded-plane.ts';

const main = fileURLToPath(new URL('../../../cli/main.mjs', import.meta.url));
const anywhere = ['--api', '127.0.0.1:0', '--push', '127.0.0.1:0', '--store', 'sqlite::memory:'];

t.test('a control plane that would serve everybody does not start, and says what to do', async (t) => {
  const folder = tempFolder(t);
  const access = join(folder, 'access.yaml');
  writeFileSync(access, accessYaml);
  const cases: readonly [flags: readonly string[], told: RegExp][] = [
    [[], /give --access FILE \(docs\/access\.md\), or --insecure/],
    [['--insecure', '--api', '0.0.0.0:0'], /everybody who reaches 0\.0\.0\.0:0 could change the mesh/],
    [['--insecure', '--push', '[::]:0'], /everybody who reaches \[::\]:0 could change the mesh/],
    [['--access', access, '--api', '0.0.0.0:0'], /tokens would come to 0\.0\.0\.0:0 in the clear/],
    [['--access', access, '--tls-cert', 'a'], /--tls-cert and --tls-key go together/],
    [['--insecure', '--client-ca', 'a'], /--client-ca .* needs --tls-cert, --tls-key and --access/],
  ];
  for (const [flags, told] of cases) {
    const { code, stderr } = await runCli(['control-plane', ...flags]);
    t.equal(code, 2, flags.join(' '));
    t.match(stderr, told);
    t.equal(stderr.trim().split('\n').length, 1);
  }
  writeFileSync(access, 'tokens: [{ name: a }]');
  const faulty = await runCli(['control-plane', '--access', access, ...anywhere]);
  t.match(faulty, { code: 1, stderr: /does not say who may do what:\n {2}\/tokens\/0\/sha256: is required/ });
});

t.test('hash prints what the file has of a token, and check tells the faults of a file', async (t) => {
  const token = 'a-long-enough-token-0123';
  t.match(await runCli(['access', 'hash'], { stdin: `${token}\n` }), { code: 0, stdout: `${hashOf(token)}\n` });
  t.match(await runCli(['access', 'hash'], { stdin: 'short' }), { code: 1, stderr: /could be guessed/ });
  t.match(await runCli(['access', 'hash'], { stdin: 'two words of text' }), { code: 1, stderr: /one line of letters/ });
  t.match(await runCli(['access', 'hash', 'x']), { code: 2, stderr: /say "hash"/ });
  const file = join(tempFolder(t), 'access.yaml');
  writeFileSync(file, accessYaml);
  t.match(await runCli(['access', 'check', file]), { code: 0, stdout: /is good: tokens 5, identities 2/ });
  writeFileSync(file, 'tokens: [{ name: a }]');
  t.match(await runCli(['access', 'check', file]), { code: 1, stderr: /\/tokens\/0\/role: is required/ });
});

t.test('command line, sidecar and audit log work together over TLS', async (t) => {
  const authority = await Authority.make(t);
  const { folder } = authority;
  const at = (name: string) => join(folder, name);
  const server = await authority.issue({ as: 'server' });
  const cart = await authority.spiffe('spiffe://mesh/ns/shop/sa/cart');
  writeFileSync(at('access.yaml'), accessYaml);
  writeFileSync(at('token'), `${tokens.editor}\n`);
  const plane = await startProcess({
    t,
    command: process.execPath,
    args: [
      ...[main, 'control-plane', ...anywhere, '--access', at('access.yaml'), '--audit-log', at('audit.log')],
      ...['--tls-cert', server.certificate, '--tls-key', server.privateKey, '--client-ca', authority.certificate],
    ],
    ready: /^ready: api https:/,
  });
  const [, api, push] = /api (\S+) push (\S+)/.exec(plane.output()) ?? [];
  const service = 'kind: Service\nname: cart.shop\n';
  const apply = (...flags: string[]) => runCli(['apply', '-f', '-', '--api', api!, ...flags], { stdin: service });
  const ca = ['--ca', authority.certificate];

  t.match(await apply(), { code: 1, stderr: /no control plane answers/ });
  t.match(await apply(...ca), { code: 1, stderr: /a token or a client certificate is needed/ });
  t.match(await apply(...ca, '--token-file', at('token')), { code: 0, stdout: 'Service/cart.shop created\n' });
  const env = { MESHLANE_API: api!.replace('https://', ''), MESHLANE_CA: authority.certificate };
  t.match(await runCli(['get', 'services'], { env: { ...env, MESHLANE_TOKEN: tokens.reader } }), { code: 0 });
  const shown = ['--cert', cart.certificate, '--key', cart.privateKey];
  t.match(await runCli(['get', 'services', ...shown], { env }), { code: 1, stderr: /has the role workload/ });
  t.match(await apply(...ca, '--cert', cart.certificate), { code: 2, stderr: /--cert and --key go together/ });
  t.match(await apply('--token-file', '/nowhere'), { code: 2, stderr: /--token-file \/nowhere cannot be read/ });

  await startProcess({
    t,
    command: process.execPath,
    args: [
      ...[main, 'proxy', '--control-plane', push!, '--service', 'cart.shop', '--name', 'cart-1', '--app-port', '9'],
      ...['--control-plane-ca', authority.certificate, '--control-plane-cert', cart.certificate],
      ...['--control-plane-key', cart.privateKey, '--state', at('state')],
      ...['--outbound', '127.0.0.1:0', '--inbound', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ],
    ready: /^ready: proxy/,
  });
  const audited = async (file: string) => (await readFile(at(file), 'utf8')).split('\n').slice(0, -1);
  const registered = await until(async () => (await audited('audit.log')).find((line) => /"Register"/.test(line)));
  t.match(JSON.parse(registered), {
    who: 'spiffe://mesh/ns/shop/sa/cart',
    how: 'certificate',
    what: ['Instance/cart-1 created'],
  });

  renameSync(at('audit.log'), at('audit.log.1'));
  process.kill(plane.pid, 'SIGHUP');
  await apply(...ca, '--token-file', at('token'));
  await until(async () => (await audited('audit.log')).length === 1);
});

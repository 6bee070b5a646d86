import { writeFileSync } from 'node:fs';
import t from 'tap';
import { whyNotPortable } from '../../../controlplane/xds/translate/portable-pattern.ts';
import { peer, skipWithout } from '../../harness/peers.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';

const portable = [
  '/shop/[a-z]+(?:-v\\d{1,3})?',
  '(?:GET|HEAD)',
  '[^/]+/[\\w.\\-]*',
  '\\/a\\.b\\x41',
  '^/a$',
  '.*?x+?',
  `/${'a'.repeat(80)}`,
  '(a|b|cd){8}',
  '[a-z]{16}',
  '(?:[a-c]{2,4}){3}',
];
const notPortable = [
  `/${'a'.repeat(100)}`,
  '[a-z]{60}',
  '(?:a{20}){20}',
  '(?<name>a)',
  '(?i:a)',
  '\\u0041',
  '\\p{L}',
  '\\s',
  '[[:alpha:]]',
  '[^]',
  '[]',
  'a{',
  '[a&&b]',
  '\\_',
];

t.test('patterns that RE2 would read otherwise, or not take, are told from the others', async (t) => {
  for (const pattern of portable) t.equal(whyNotPortable(pattern), null, pattern);
  for (const pattern of notPortable) t.type(whyNotPortable(pattern), 'string', pattern);
});

t.test('Envoy takes what is portable', await skipWithout('envoy'), async (t) => {
  const prefix = 'type.googleapis.com/envoy.extensions.filters';
  const routes = portable.map((regex) => ({ match: { safe_regex: { regex } }, direct_response: { status: 200 } }));
  const manager = {
    '@type': `${prefix}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'patterns',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'router', typed_config: { '@type': `${prefix}.http.router.v3.Router` } }],
  };
  const listener = {
    name: 'patterns',
    address: { socket_address: { address: '127.0.0.1', port_value: 1 } },
    filter_chains: [{ filters: [{ name: 'manager', typed_config: manager }] }],
  };
  const file = `${tempFolder(t)}/patterns.json`;
  writeFileSync(file, JSON.stringify({ static_resources: { listeners: [listener] } }));
  const { stdout, stderr } = await runCommand((await peer('envoy'))!, ['--mode', 'validate', '-c', file], {
    timeoutMs: 20_000,
  });
  t.match(stdout + stderr, /patterns\.json' OK/);
});

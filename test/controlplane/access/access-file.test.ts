import { readFileSync } from 'node:fs';
import t from 'tap';
import { readAccessRules } from '../../../controlplane/access/access-file.ts';
import { accessYaml, hashOf } from './guarded-plane.ts';

const hash = hashOf('some-token-0123456789');

/** Files that are refused, and every fault that is told. */
const faults: readonly [yaml: string, told: readonly string[]][] = [
  ['', ['(document) must be one document; got 0']],
  ['tokens: [', ['(document) line 1']],
  ['{}', ['(document) names nobody']],
  ['tokens: {}', ['/tokens must be a list of tokens']],
  ['users: []', ['/users is an unknown field']],
  [
    'tokens: [{ role: boss, name: "a b", sha256: AB, until: tomorrow }]',
    [
      '/tokens/0/until is an unknown field',
      '/tokens/0/role must be one of reader, editor, admin, workload',
      '/tokens/0/name must be a name for logs',
      '/tokens/0/sha256 must be the token’s SHA-256',
    ],
  ],
  ['tokens: [{}]', ['/tokens/0/name is required', '/tokens/0/sha256 is required', '/tokens/0/role is required']],
  [
    `tokens: [{ name: a, sha256: ${hash}, role: admin }, { name: a, sha256: ${hash}, role: admin }]`,
    ['/tokens/1/name is the one of /tokens/0', '/tokens/1/sha256 is the one of /tokens/0'],
  ],
  [`tokens: [{ name: a, sha256: ${hashOf('')}, role: admin }]`, ['/tokens/0/sha256 is the hash of an empty token']],
  [`tokens: [{ name: a, sha256: ${hash}, role: editor }]`, ['/tokens/0/namespaces is required for the role editor']],
  [
    `tokens: [{ name: a, sha256: ${hash}, role: reader, namespaces: [shop], services: [cart] }]`,
    ['/tokens/0/namespaces bounds nothing', '/tokens/0/services is for the role workload only'],
  ],
  [`tokens: [{ name: a, sha256: ${hash}, role: workload }]`, ['/tokens/0/services is required']],
  [
    'identities: [{ match: cart, role: workload }, { match: "a**", role: reader }]',
    ['/identities/0/services is required', '/identities/1/match has two "*"'],
  ],
];

t.test('each fault of an access file names its field', async (t) => {
  for (const [yaml, told] of faults) {
    const read = readAccessRules(yaml);
    const issues = read.ok ? [] : read.issues.map(({ pointer, message }) => `${pointer || '(document)'} ${message}`);
    t.equal(issues.length, told.length, `${yaml}: ${issues.join('; ')}`);
    for (const text of told)
      t.ok(
        issues.some((issue) => issue.startsWith(text)),
        `${yaml}: ${text}`,
      );
  }
});

t.test('a good file keeps its order, since the first identity that matches counts', async (t) => {
  const read = readAccessRules(accessYaml);
  if (!read.ok) return t.fail(JSON.stringify(read.issues));
  t.strictSame(
    read.value.tokens.map(({ name, grant }) => [name, grant.role]),
    [
      ['reader', 'reader'],
      ['editor', 'editor'],
      ['admin', 'admin'],
      ['shop-admin', 'admin'],
      ['cart', 'workload'],
    ],
  );
  t.equal(read.value.identities.length, 2);
});

t.test('the file of the documentation is good', async (t) => {
  const page = readFileSync(new URL('../../../docs/access.md', import.meta.url), 'utf8');
  const [, yaml = ''] = /```yml\n(.*?)```/s.exec(page) ?? [];
  t.match(readAccessRules(yaml), { ok: true, value: { tokens: [{ name: 'root' }, {}, {}] } });
});

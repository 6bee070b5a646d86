import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { type Command, UsageError } from '../command.ts';

/** Shorter ones can be guessed. */
const shortestToken = 16;

export const command: Command = {
  name: 'access',
  summary: 'Prints the hash of a token for an access file, or checks such a file.',
  words: 'hash | check FILE',
  options: {},
  details: [
    'Examples:',
    '  openssl rand -hex 32 > token && meshlane access hash < token',
    '  meshlane access check access.yaml',
    '',
    'What the file says: docs/access.md',
  ].join('\n'),
  async run({ words }) {
    const [what, file, ...rest] = words;
    if (what === 'hash' && file === undefined) return hash((await text(process.stdin)).trim());
    if (what === 'check' && file !== undefined && rest.length === 0) return check(file);
    throw new UsageError('say "hash" and give a token on standard input, or "check FILE"');
  },
};

function hash(token: string): number {
  if (!/^[\w.~+/-]+=*$/.test(token))
    throw new Error('a token is one line of letters, digits and any of "-._~+/", such as: openssl rand -hex 32');
  if (token.length < shortestToken)
    throw new Error(`the token has ${token.length} characters and could be guessed; make it ${shortestToken} or more`);
  process.stdout.write(`${createHash('sha256').update(token).digest('hex')}\n`);
  return 0;
}

async function check(file: string): Promise<number> {
  const { readAccessFile } = await import('../../controlplane/access/access.ts');
  const { tokens, identities } = await readAccessFile(file);
  process.stdout.write(`${file} is good: tokens ${tokens.length}, identities ${identities.length}\n`);
  return 0;
}

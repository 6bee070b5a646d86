import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../harness/run-command.ts';

const main = join(import.meta.dirname, '..', '..', 'cli', 'main.mjs');

t.test('a flag that a file makes meaningless is refused, not passed over', async (t) => {
  for (const flags of [
    ['--underscores', 'refuse'],
    ['--trust', '10.0.0.0/8'],
    ['--connect'],
    ['--namespace', 'shop'],
    ['--admin', '127.0.0.1:0'],
  ]) {
    const ran = await runCommand(process.execPath, [main, 'proxy', '--config', 'nowhere.yaml', ...flags]);
    t.equal(ran.code, 2, flags[0]!);
    t.match(ran.stderr, `${flags[0]} does nothing with --config`);
  }
  const ran = await runCommand(process.execPath, [main, 'proxy', '--config', 'nowhere.yaml', '--workers', '2']);
  t.match(ran.stderr, /nowhere\.yaml/);
  t.notMatch(ran.stderr, /does nothing/);
});

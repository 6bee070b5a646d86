import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Invocation } from '../../cli/command.ts';
import { listFlag } from './flags.ts';
import { formatMarks, type Mark } from './marks.ts';

/** The benches that judge speed, in the order in which they are run. */
const judged = ['h1', 'open', 'workers', 'download', 'tls', 'h2', 'grpc', 'pair', 'full-h1', 'full-h2'] as const;

export const command: Command = {
  name: 'all',
  summary: 'Every bench that judges speed one after the other, and all marks in one list; takes twenty minutes.',
  options: {
    only: { value: 'NAME,...', text: `Some of ${judged.join(', ')}.` },
    folder: { value: 'DIR', default: '.cache/bench', text: 'Where the JSON and the pictures go, and marks.txt.' },
    quick: { text: 'One short round of each: shows that everything works, not how fast it is.' },
    check: { text: 'Exit with 1 when a mark is not met.' },
  },
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const names = listFlag(invocation, 'only', judged);
  const folder = invocation.flag('folder')!;
  mkdirSync(folder, { recursive: true });
  const all: Mark[] = [];
  let failures = 0;
  for (const name of names) {
    const file = join(folder, `${name}.json`);
    const flags = invocation.isSet('quick') ? ['--rounds', '1', '--seconds', '2'] : [];
    process.stdout.write(`\n== ${name}\n\n`);
    const args = [join(import.meta.dirname, 'main.ts'), name, ...flags, '--json', file];
    const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit');
    if (code !== 0) {
      failures++;
      all.push({ promise: `${name} runs`, isMet: false, said: `exit code ${code}` });
      continue;
    }
    const { marks } = JSON.parse(readFileSync(file, 'utf8')) as { marks: readonly Mark[] };
    if (marks.length === 0) all.push({ promise: `${name} runs`, isMet: null, said: 'meshlane was left out' });
    all.push(...marks.map((mark) => ({ ...mark, promise: `${name}: ${mark.promise}` })));
  }
  const text = formatMarks(all);
  writeFileSync(join(folder, 'marks.txt'), `${text}\n`);
  process.stdout.write(`\n== marks\n\n${text}\n`);
  return failures > 0 || (invocation.isSet('check') && all.some(({ isMet }) => isMet !== true)) ? 1 : 0;
}

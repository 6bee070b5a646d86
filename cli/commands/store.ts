import { existsSync } from 'node:fs';
import type { Migration } from '../../controlplane/store/migrate.ts';
import type { Store } from '../../controlplane/store/store.ts';
import { type Command, type Invocation, UsageError } from '../command.ts';
import { outputOption, printJson, readOutput } from '../output.ts';
import { readStoreFlags, storeOptions } from '../store-flags.ts';

const forms = ['text', 'json'];

export const command: Command = {
  name: 'store',
  summary: 'Copies what a store holds, resources and history, into another store.',
  words: 'migrate FROM TO',
  options: {
    overwrite: { text: 'Replace what TO holds. Without it, TO must be empty, or hold a part of the same copy.' },
    ...storeOptions,
    output: outputOption(forms),
  },
  details: [
    'Examples:',
    '  meshlane store migrate sqlite:meshlane.db etcd://127.0.0.1:2379',
    '  meshlane store migrate etcds://etcd-1:2379,etcd-2:2379 sqlite:copy.db --store-ca ca.pem',
    '',
    'Stop the control planes of both first. A copy that was cut off goes on when it is started again.',
  ].join('\n'),
  async run(invocation) {
    const [action, from, to, ...rest] = invocation.words;
    if (action !== 'migrate' || from === undefined || to === undefined || rest.length > 0)
      throw new UsageError('FROM and TO are required, and nothing else: meshlane store migrate FROM TO');
    const isJson = readOutput(invocation, forms) === 'json';
    checkPlaces(from, to);
    const source = await open(from, 'FROM', invocation, to);
    try {
      const target = await open(to, 'TO', invocation, from);
      try {
        const { migrate } = await import('../../controlplane/store/migrate.ts');
        const overwrite = invocation.isSet('overwrite');
        const done = await migrate(source, target, { overwrite, onProgress: isJson ? () => undefined : showProgress });
        if (isJson) printJson({ from, to, ...done });
        else process.stdout.write(describe(done));
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
    return 0;
  },
};

function checkPlaces(from: string, to: string): void {
  if (from === to) throw new UsageError(`FROM and TO are both ${from}`);
  const file = /^sqlite:(?:\/\/)?(.+)$/.exec(from)?.[1];
  if (file !== undefined && !existsSync(file)) throw new UsageError(`FROM: there is no file ${file}`);
  if (/^sqlite:(\/\/)?:memory:$/.test(to)) throw new UsageError(`TO: ${to} keeps nothing; name a file`);
}

/** The flags are for whichever of the two is an etcd. */
async function open(name: string, word: string, invocation: Invocation, other: string): Promise<Store> {
  const { openStore } = await import('../../controlplane/store/open-store.ts');
  const { systemClock } = await import('../../shared/time/clock.ts');
  const isForOther = name.startsWith('sqlite:') && other.startsWith('etcd');
  return openStore(name, systemClock, isForOther ? {} : readStoreFlags(invocation), word);
}

function showProgress(done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} entries${done === total ? '\n' : ''}`);
}

function describe({ entries, copied, unchanged, removed }: Migration): string {
  const counts = Object.entries(entries).map(([group, count]) => `  ${group.padEnd(10)} ${count}\n`);
  const before = unchanged > 0 ? `, ${unchanged} were there from an earlier run` : '';
  const gone = removed > 0 ? `, ${removed} removed` : '';
  return `${copied} entries copied${before}${gone}; both stores hold the same:\n${counts.join('')}`;
}

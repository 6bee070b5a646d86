import { ApiClient, clientOptions } from '../api-client.ts';
import { type Command, UsageError } from '../command.ts';
import { outputOption, printJson, readOutput } from '../output.ts';
import { table } from '../table.ts';

type Item = { revision: number; at: string; by: string; summary: string; note?: string };
type Entry = Item & { changes: { action: string; key: string }[] };

const forms = ['table', 'json'];

export const command: Command = {
  name: 'history',
  summary: 'Shows who changed the configuration when: the last changes, or what one of them did.',
  words: '[REVISION]',
  options: {
    limit: { value: 'N', default: '20', text: 'How many changes, newest first.' },
    before: { value: 'REVISION', text: 'Only changes before this one.' },
    ...clientOptions,
    output: outputOption(forms),
  },
  details: ['Examples:', '  meshlane history --limit 5', '  meshlane history 1204 -o json'].join('\n'),
  async run(invocation) {
    const [revision, ...rest] = invocation.words;
    if (rest.length > 0) throw new UsageError('give at most one REVISION, such as: meshlane history 1204');
    const isJson = readOutput(invocation, forms) === 'json';
    const client = new ApiClient(invocation);
    if (revision !== undefined) {
      const entry = (await client.get(`/v1/history/${encodeURIComponent(revision)}`)) as Entry;
      if (isJson) printJson(entry);
      else process.stdout.write(entryInWords(entry));
      return 0;
    }
    const query = new URLSearchParams({ limit: invocation.flag('limit')! });
    const before = invocation.flag('before');
    if (before !== undefined) query.set('before', before);
    const page = (await client.get(`/v1/history?${query}`)) as { items: Item[] };
    if (isJson) printJson(page);
    else process.stdout.write(page.items.length > 0 ? toTable(page.items) : 'nothing was changed yet\n');
    return 0;
  },
};

function toTable(items: readonly Item[]): string {
  return table(
    ['revision', 'at', 'by', 'what'],
    items.map(({ revision, at, by, summary, note }) => [
      String(revision),
      at,
      by,
      [summary, note].filter((text) => text).join(' - '),
    ]),
  );
}

function entryInWords({ changes, ...item }: Entry): string {
  return `${toTable([item])}\n${changes.map(({ action, key }) => `${key} ${action}\n`).join('')}`;
}

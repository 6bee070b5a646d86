import { ApiClient, clientOptions } from '../api-client.ts';
import { type Colours, coloursOf } from '../colours.ts';
import { type Command, UsageError } from '../command.ts';
import { outputOption, printJson, readOutput } from '../output.ts';

type Change = { pointer: string; before?: unknown; after?: unknown };
type Resource = { kind: string; name: string; change: 'added' | 'removed' | 'changed'; changes?: Change[] };
type Diff = { from: number; to: number; resources: Resource[] };

const forms = ['text', 'json'];

export const command: Command = {
  name: 'diff',
  summary: 'Shows how the configuration differs between two revisions, or from one to now.',
  words: 'FROM [TO]',
  options: { ...clientOptions, output: outputOption(forms) },
  details: [
    'Places are JSON pointers (RFC 6901) into the resource. Exit code: 0 whether there are differences or not.',
    'Examples:',
    '  meshlane diff 1204 1311',
    '  meshlane diff 1204 -o json',
  ].join('\n'),
  async run(invocation) {
    const [from, to, ...rest] = invocation.words;
    if (from === undefined || rest.length > 0)
      throw new UsageError('give one or two revisions, such as: meshlane diff 1204 1311');
    const isJson = readOutput(invocation, forms) === 'json';
    const query = new URLSearchParams({ from, ...(to === undefined ? {} : { to }) });
    const diff = (await new ApiClient(invocation).get(`/v1/diff?${query}`)) as Diff;
    if (isJson) printJson(diff);
    else process.stdout.write(inWords(diff, coloursOf(process.stdout, invocation.environment['NO_COLOR'])));
    return 0;
  },
};

function inWords({ from, to, resources }: Diff, colours: Colours): string {
  if (resources.length === 0) return `the configuration is the same after revisions ${from} and ${to}\n`;
  return resources
    .map((resource) =>
      resourceInWords(resource, colours)
        .map((line) => `${line}\n`)
        .join(''),
    )
    .join('\n');
}

function resourceInWords({ kind, name, change, changes = [] }: Resource, { added, removed }: Colours): string[] {
  const key = `${kind}/${name}`;
  if (change === 'added') return [added(`+ ${key}`)];
  if (change === 'removed') return [removed(`- ${key}`)];
  return [
    `  ${key}`,
    ...changes.flatMap((one) => [
      `    ${one.pointer}`,
      ...('before' in one ? [removed(`    - ${JSON.stringify(one.before)}`)] : []),
      ...('after' in one ? [added(`    + ${JSON.stringify(one.after)}`)] : []),
    ]),
  ];
}

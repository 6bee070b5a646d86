import { type Kind, kinds, plurals } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import { ApiClient, clientOptions } from '../api-client.ts';
import { type Command, UsageError } from '../command.ts';
import { outputOption, printJson, readOutput } from '../output.ts';
import { table } from '../table.ts';

const forms = ['table', 'json', 'yaml'];

export const command: Command = {
  name: 'get',
  summary: 'Shows resources: all of a kind, or one.',
  words: 'KIND [NAME]',
  options: { ...clientOptions, output: outputOption(forms) },
  details: [
    `KIND is one of ${Object.values(plurals).join(', ')}; the singular does as well.`,
    'Examples:',
    '  meshlane get routes',
    '  meshlane get route everything -o yaml',
  ].join('\n'),
  async run(invocation) {
    const [word, name, ...rest] = invocation.words;
    if (word === undefined || rest.length > 0)
      throw new UsageError('give one KIND and at most one NAME, such as: meshlane get route checkout');
    const kind = kindOf(word);
    const form = readOutput(invocation, forms);
    const client = new ApiClient(invocation);
    const path = `/v1/${plurals[kind]}`;
    const one = name === undefined ? null : ((await client.get(`${path}/${encodeURIComponent(name)}`)) as AnyResource);
    const resources = one ? [one] : await client.list(kind);
    if (form === 'json') printJson(one ?? { items: resources });
    else if (form === 'yaml') process.stdout.write(await toYaml(resources));
    else if (resources.length === 0) process.stdout.write(`there are no ${plurals[kind]}\n`);
    else process.stdout.write(toTable(kind, resources));
    return 0;
  },
};

function kindOf(word: string): Kind {
  const lower = word.toLowerCase();
  const kind = kinds.find((one) => one.toLowerCase() === lower || plurals[one] === lower);
  if (kind) return kind;
  throw new UsageError(`there is no kind "${word}"; known are ${Object.values(plurals).join(', ')}`);
}

function toTable(kind: Kind, resources: readonly AnyResource[]): string {
  const rows = resources.map((resource) => [resource.name, ...cellsOf(resource), String(resource.revision ?? '')]);
  return table(['name', ...titles[kind], 'revision'], rows);
}

const titles: Readonly<Record<Kind, readonly string[]>> = {
  Service: ['protocol'],
  Instance: ['service', 'address', 'status', 'lease'],
  Route: ['hostnames', 'rules', 'backends'],
  Policy: ['services', 'sets'],
};

function cellsOf(resource: AnyResource): string[] {
  switch (resource.kind) {
    case 'Service':
      return [resource.spec.protocol];
    case 'Instance': {
      const { service, address, port, status, leaseSeconds } = resource.spec;
      return [service, `${address}:${port}`, status, leaseSeconds ? `${leaseSeconds}s` : '-'];
    }
    case 'Route': {
      const backends = new Set(resource.spec.rules.flatMap((rule) => rule.backends.map((backend) => backend.service)));
      return [resource.spec.hostnames.join(','), String(resource.spec.rules.length), [...backends].join(',')];
    }
    case 'Policy': {
      const { targets, ...sections } = resource.spec;
      return [targets.map((target) => target.name).join(','), Object.keys(sections).join(',')];
    }
  }
}

async function toYaml(resources: readonly AnyResource[]): Promise<string> {
  const { writeDocuments } = await import('../../shared/resources/document-stream.ts');
  return writeDocuments(resources);
}

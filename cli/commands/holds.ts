import { ApiClient, apiOption } from '../api-client.ts';
import { type Command, UsageError } from '../command.ts';
import { describeHold, type Hold } from '../hold-text.ts';
import { outputOption, printJson, readOutput } from '../output.ts';

const forms = ['text', 'json'];
const mostShown = 20;

export const command: Command = {
  name: 'holds',
  summary: 'Shows what is kept although the store lost it or its lease ran out, and decides about it.',
  words: '[confirm|restore ID]',
  options: { api: apiOption, output: outputOption(forms) },
  details: [
    'confirm lets go of what is held; sidecars that are held get what the store has.',
    'restore writes it back to the store, or begins its leases anew.',
    'Examples:',
    '  meshlane holds',
    '  meshlane holds restore listing-1f2e3d4c',
  ].join('\n'),
  async run(invocation) {
    const [word, id, ...rest] = invocation.words;
    const isJson = readOutput(invocation, forms) === 'json';
    const client = new ApiClient(invocation);
    if (word === undefined) {
      const { items } = (await client.get('/v1/holds')) as { items: Hold[] };
      if (isJson) printJson({ items });
      else process.stdout.write(items.length > 0 ? items.map(inFull).join('\n') : 'nothing is held\n');
      return 0;
    }
    if ((word !== 'confirm' && word !== 'restore') || id === undefined || rest.length > 0)
      throw new UsageError('give confirm or restore and one ID, such as: meshlane holds restore listing-1f2e3d4c');
    const done = await client.post(`/v1/holds/${encodeURIComponent(id)}`, { confirm: word === 'confirm' });
    if (isJson) printJson(done);
    else process.stdout.write(`${id} ${word === 'confirm' ? 'confirmed' : 'restored'}\n`);
    return 0;
  },
};

function inFull(hold: Hold): string {
  const names = [...hold.resources.map(({ kind, name }) => `${kind}/${name}`), ...hold.sidecars];
  const more = names.length > mostShown ? [`  and ${names.length - mostShown} more; -o json shows all`] : [];
  return [describeHold(hold), ...names.slice(0, mostShown).map((name) => `  ${name}`), ...more, ''].join('\n');
}

import { ApiClient, clientOptions } from '../api-client.ts';
import { type Command, UsageError } from '../command.ts';
import { confirmOption, queryOf } from '../confirm-flag.ts';
import { type Effects, effectsInWords } from '../effects-text.ts';
import { outputOption, printJson, readOutput } from '../output.ts';
import { describeRollout, readTimeout, waitForRollout, waitOptions } from '../rollout-wait.ts';

type RolledBack = Effects & { readonly kept: readonly { readonly kind: string; readonly name: string }[] };

const forms = ['text', 'json'];

export const command: Command = {
  name: 'rollback',
  summary:
    'Makes the configuration what it was after a revision: services, routes and policies, at once on all sidecars.',
  words: 'REVISION',
  options: {
    'dry-run': { text: 'Check and show what would change; nothing is stored.' },
    ...confirmOption,
    ...waitOptions,
    ...clientOptions,
    output: outputOption(forms),
  },
  details: [
    'It is one write like others: it can be refused, shows in the history, and can itself be rolled back.',
    'Examples:',
    '  meshlane history',
    '  meshlane rollback 1204 --dry-run',
    '  meshlane rollback 1204 --wait',
  ].join('\n'),
  async run(invocation) {
    const [word, ...rest] = invocation.words;
    if (word === undefined || rest.length > 0 || !/^[0-9]{1,15}$/.test(word))
      throw new UsageError('give one REVISION, a whole number such as: meshlane rollback 1204');
    const timeout = readTimeout(invocation);
    const isJson = readOutput(invocation, forms) === 'json';
    const dryRun = invocation.isSet('dry-run');
    const client = new ApiClient(invocation);
    const done = (await client.post(`/v1/rollback${queryOf(invocation)}`, { revision: Number(word) })) as RolledBack;
    if (!isJson) process.stdout.write(inWords(done, word));
    const hasChanged = done.effects.some(({ action }) => action !== 'unchanged');
    if (dryRun || !invocation.isSet('wait') || !hasChanged) {
      if (isJson) printJson(done);
      return 0;
    }
    const rollout = await waitForRollout(client, done.revision, timeout, isJson);
    if (isJson) printJson({ ...done, rollout });
    else process.stdout.write(describeRollout(rollout, done.revision, timeout));
    return rollout.state === 'applied' ? 0 : 1;
  },
};

function inWords(done: RolledBack, revision: string): string {
  const kept = done.kept.map(({ kind, name }) => `${kind}/${name} stays: it has instances\n`).join('');
  const nothing = done.effects.length === 0 ? `the configuration is what it was after revision ${revision}\n` : '';
  return `${kept}${nothing}${effectsInWords(done)}`;
}

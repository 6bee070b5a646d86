import { ApiClient, clientOptions } from '../api-client.ts';
import { type Command, UsageError } from '../command.ts';
import { confirmOption, queryOf } from '../confirm-flag.ts';
import { documentInWords, readFileDocuments } from '../document-files.ts';
import { type Effects, effectsInWords } from '../effects-text.ts';
import { outputOption, printJson, readOutput } from '../output.ts';
import { describeRollout, readTimeout, waitForRollout, waitOptions } from '../rollout-wait.ts';
import { planInWords, type RoutingPlan, readRequests } from '../routing-plan.ts';

const forms = ['text', 'json'];

export const command: Command = {
  name: 'apply',
  summary: 'Creates or changes the resources of a file: all of them, or none.',
  options: {
    file: {
      value: 'FILE',
      short: 'f',
      multiple: true,
      text: 'YAML or JSON, one or more documents; - reads standard input. May be repeated.',
    },
    'dry-run': { text: 'Check and show what would change; nothing is stored.' },
    ...confirmOption,
    requests: {
      value: 'FILE',
      text: 'With --dry-run: show which of the requests in it would go elsewhere. One JSON object a line: {method, host, path, headers, source}.',
    },
    ...waitOptions,
    ...clientOptions,
    output: outputOption(forms),
  },
  details: [
    'Examples:',
    '  meshlane apply -f route.yaml --wait',
    '  cat mesh.yaml | meshlane apply -f - --dry-run',
    '  meshlane apply -f route.yaml --dry-run --requests recorded.jsonl',
  ].join('\n'),
  async run(invocation) {
    const files = invocation.flags('file');
    if (files.length === 0) throw new UsageError('-f FILE is required; - reads standard input');
    const timeout = readTimeout(invocation);
    const isJson = readOutput(invocation, forms) === 'json';
    const dryRun = invocation.isSet('dry-run');
    const client = new ApiClient(invocation);
    const resources = await readFileDocuments(files);
    const where = (pointer: string) => inWords(pointer, resources);
    const recorded = invocation.flag('requests');
    if (recorded !== undefined) {
      if (!dryRun) throw new UsageError('--requests shows what would change, so it takes --dry-run');
      const requests = await readRequests(recorded);
      const plan = (await client.post('/v1/plan', { resources, requests }, where)) as RoutingPlan;
      if (isJson) printJson(plan);
      else process.stdout.write(effectsInWords(plan) + planInWords(plan, requests));
      return 0;
    }

    const done = (await client.post(`/v1/apply${queryOf(invocation)}`, { resources }, where)) as Effects;
    if (!isJson) process.stdout.write(effectsInWords(done));
    if (dryRun || !invocation.isSet('wait')) {
      if (isJson) printJson(done);
      return 0;
    }
    const rollout = await waitForRollout(client, done.revision, timeout, isJson);
    if (isJson) printJson({ ...done, rollout });
    else process.stdout.write(describeRollout(rollout, done.revision, timeout));
    return rollout.state === 'applied' ? 0 : 1;
  },
};

/** `/resources/1/spec/rules` as `document 2 (Route/checkout) /spec/rules`. */
function inWords(pointer: string, resources: readonly unknown[]): string {
  const match = /^\/resources\/([0-9]+)(.*)$/s.exec(pointer);
  if (!match) return pointer;
  return `${documentInWords(Number(match[1]), resources)} ${match[2]}`.trimEnd();
}

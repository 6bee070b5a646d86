import { setTimeout as wait } from 'node:timers/promises';
import { durationMs, durationPattern } from '../../shared/time/duration.ts';
import { ApiClient, clientOptions } from '../api-client.ts';
import { type Command, UsageError } from '../command.ts';
import { documentInWords, readFileDocuments } from '../document-files.ts';
import { outputOption, printJson, readOutput } from '../output.ts';

type Effects = {
  revision: number;
  dryRun?: true;
  effects: { action: string; resource: { kind: string; name: string; revision?: number } }[];
};
type Rollout = {
  state: 'applied' | 'progressing' | 'rejected';
  summary: string;
  laggards: { sidecar: string; service: string; acked: number; connected: boolean }[];
  rejected: { sidecar: string; kind: string; name: string; error: string }[];
};

const forms = ['text', 'json'];
const pollMs = 50;

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
    confirm: {
      text: 'Do it even if it takes away every route, or more than half of a service’s instances.',
    },
    wait: {
      text: 'Wait until every sidecar has applied it, the ones lost in the last minute too; fails when one refuses it.',
    },
    timeout: { value: 'DURATION', default: '30s', text: 'Longest wait.' },
    ...clientOptions,
    output: outputOption(forms),
  },
  details: [
    'Examples:',
    '  meshlane apply -f route.yaml --wait',
    '  cat mesh.yaml | meshlane apply -f - --dry-run',
  ].join('\n'),
  async run(invocation) {
    const files = invocation.flags('file');
    if (files.length === 0) throw new UsageError('-f FILE is required; - reads standard input');
    const timeout = invocation.flag('timeout')!;
    if (!new RegExp(durationPattern).test(timeout))
      throw new UsageError(`--timeout must be a duration such as 30s; got "${timeout}"`);
    const isJson = readOutput(invocation, forms) === 'json';
    const dryRun = invocation.isSet('dry-run');
    const client = new ApiClient(invocation);
    const resources = await readFileDocuments(files);

    const query = [...(dryRun ? ['dryRun=true'] : []), ...(invocation.isSet('confirm') ? ['confirm=true'] : [])];
    const path = `/v1/apply${query.length > 0 ? '?' : ''}${query.join('&')}`;
    const done = (await client.post(path, { resources }, (pointer) => inWords(pointer, resources))) as Effects;
    if (!isJson) process.stdout.write(describe(done));
    if (dryRun || !invocation.isSet('wait')) {
      if (isJson) printJson(done);
      return 0;
    }
    const rollout = await waitForRollout(client, done.revision, durationMs(timeout), isJson);
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

function describe({ effects, dryRun }: Effects): string {
  const lines = effects.map(
    ({ action, resource }) => `${resource.kind}/${resource.name} ${dryRun ? would(action) : action}\n`,
  );
  return `${lines.join('')}${dryRun ? 'dry run: nothing was stored\n' : ''}`;
}

function would(action: string): string {
  return action === 'unchanged' ? 'would stay as it is' : `would be ${action}`;
}

/** Asks until it is applied or refused, and shows each step on the way when somebody looks. */
async function waitForRollout(
  client: ApiClient,
  revision: number,
  timeoutMs: number,
  isQuiet: boolean,
): Promise<Rollout> {
  const deadlineMs = performance.now() + timeoutMs;
  let shown = '';
  for (;;) {
    const rollout = (await client.get(`/v1/rollouts/${revision}`)) as Rollout;
    if (rollout.state !== 'progressing' || performance.now() >= deadlineMs) return rollout;
    if (!isQuiet && rollout.summary !== shown) process.stdout.write(`${rollout.summary}\n`);
    shown = rollout.summary;
    await wait(pollMs);
  }
}

function describeRollout({ state, summary, laggards, rejected }: Rollout, revision: number, timeout: string): string {
  const lines = [`${summary} (revision ${revision})`];
  for (const { sidecar, kind, name, error } of rejected) lines.push(`  ${sidecar} refused ${kind}/${name}: ${error}`);
  if (state === 'progressing') lines.push(`still waiting after ${timeout} for:`);
  for (const { sidecar, service, acked, connected } of laggards) {
    const away = connected ? '' : ', and is not connected';
    lines.push(`  ${sidecar} (${service || 'no service'}) is at revision ${acked}${away}`);
  }
  if (state === 'progressing' && laggards.length === 0)
    lines.push('  any sidecar: the control plane has just started, and none has come back yet');
  return `${lines.join('\n')}\n`;
}

// `npm run mutations`: mutated HTTP/1.1 messages through the codec and through a whole proxy, judged by a strict reader.
import { type Command, helpOf, type Invocation, readInvocation, UsageError } from '../../../../cli/command.ts';
import { numberFlag } from '../../../bench/flags.ts';
import { showProgress } from '../../../bench/progress.ts';
import { keepFinding } from './found.ts';
import { type MutationReport, runMutations } from './run.ts';

const program = 'npm run mutations --';

const command: Command = {
  name: 'mutations',
  summary: 'Mutates HTTP/1.1 messages and looks at what the proxy makes of them.',
  options: {
    messages: { value: 'N', default: '1000000', text: 'Mutated messages; a quarter of them goes over the wire' },
    seed: { value: 'N', default: '1', text: 'Which messages: the same number gives the same ones' },
    keep: { text: 'Keep what was found as files of test/conformance/http1/mutations/found/' },
    output: { value: 'text|json', short: 'o', default: 'text', text: 'What stdout gets' },
  },
  details: [
    'Two parts: the codec in this process, whole and in pieces, then a proxy process on loopback with 32 connections at a time,',
    'with requests and replies mutated. What the proxy writes to either side has to be HTTP/1.1 without any fault, or be cut',
    'off for all to see; the proxy has to live, serve right requests, and hold nothing in the end.',
    '',
    'Exit code 0: nothing was found; 1: something was.',
  ].join('\n'),
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const messages = numberFlag(invocation, 'messages', { min: 100, max: 100_000_000 });
  const seed = numberFlag(invocation, 'seed', { min: 0, max: 2_147_483_647 });
  const output = invocation.flag('output');
  if (output !== 'text' && output !== 'json') throw new UsageError(`--output knows text, json; got "${output}"`);
  const progress = showProgress(process.stderr);
  let saidAt = 0;
  const report = await runMutations({ seed, messages }, (text) => {
    const now = performance.now();
    if (now - saidAt < 1000) return;
    saidAt = now;
    progress.status(text);
  });
  progress.clear();
  process.stdout.write(output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
  if (invocation.isSet('keep')) for (const finding of report.findings) progress.note(keepFinding(finding, seed));
  return report.findings.length === 0 ? 0 : 1;
}

function textOf({ seed, messages, seconds, codec, wire, findings }: MutationReport): string {
  const share = (part: number) => `${((part / codec.messages) * 100).toFixed(1)} %`;
  const { before, after, peak } = wire.residentMiB;
  const lines = [
    `${messages} mutated messages (seed ${seed}) in ${seconds.toFixed()} s`,
    `codec  ${codec.messages} in ${codec.seconds.toFixed()} s: ${share(codec.taken.whole)} taken whole, ${share(codec.taken.partial)} cut, ${share(codec.taken.refused)} refused`,
    `wire   ${wire.cases} in ${wire.seconds.toFixed()} s: ${wire.answered} answered, ${wire.resets} reset, ${wire.reachedInstance} whole requests reached the instance, ${wire.answeredEarly} were answered before their body`,
    `proxy  ${before.toFixed()} MiB resident before, ${after.toFixed()} after, ${peak.toFixed()} at most`,
    `found  ${findings.length}`,
  ];
  for (const { part, index, what, request, reply, seen } of findings) {
    lines.push('', `${part} ${index}: ${what}`);
    for (const [who, text] of Object.entries({ request, reply, seen }))
      if (text !== null && text !== '') lines.push(`  ${who}: ${text.slice(0, 4000)}`);
  }
  return `${lines.join('\n')}\n`;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const invocation = readInvocation(command, args, {});
    if (invocation !== 'help') return await command.run(invocation);
    process.stdout.write(helpOf(command).replace('meshlane mutations', program));
    return 0;
  } catch (error) {
    process.stderr.write(`mutations: ${(error as Error).message.replace('meshlane mutations', program)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));

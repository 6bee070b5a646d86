import { type Command, type Invocation, UsageError } from '../../../cli/command.ts';
import { showProgress } from '../../bench/progress.ts';
import { formatTable } from '../../bench/table.ts';
import { withOwner } from '../../harness/owner.ts';
import { caseNames, clientNames, type Pair, pairs, serverNames } from './cases.ts';
import { type Result, runCases } from './run-cases.ts';
import { proxyNames, subjects } from './subject.ts';

export const command: Command = {
  name: 'grpc',
  summary: 'The interop cases of gRPC: grpc-js and grpc-go through no, one and two proxies.',
  options: {
    case: { value: 'NAME', multiple: true, text: 'Only this case, such as ping_pong; may be repeated.' },
    client: { value: 'NAME', multiple: true, text: `Only this client: ${clientNames.join(', ')}; may be repeated.` },
    server: { value: 'NAME', multiple: true, text: `Only this server: ${serverNames.join(', ')}; may be repeated.` },
    proxy: { value: 'NAME', default: 'meshlane', text: `Whose proxies: ${proxyNames.join(', ')}.` },
    output: { value: 'FORMAT', short: 'o', default: 'table', text: 'table or json (every case, on stdout).' },
  },
  details: 'Exits with 1 when a case does not pass. What is not installed is installed first.',
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const cases = chosen(invocation.flags('case'), 'case', caseNames);
  const clients = chosen(invocation.flags('client'), 'client', clientNames);
  const servers = chosen(invocation.flags('server'), 'server', serverNames);
  const [proxy] = chosen([invocation.flag('proxy')!], 'proxy', proxyNames);
  const format = invocation.flag('output');
  if (format !== 'table' && format !== 'json') throw new UsageError(`--output knows table, json; got "${format}"`);
  const chosenPairs = pairs.filter(({ client, server }) => clients.includes(client) && servers.includes(server));
  const progress = showProgress(process.stderr);
  const results: Result[] = [];
  for (const subject of subjects) {
    progress.status(`proxies between client and server: ${subject}`);
    results.push(
      ...(await withOwner((owner) => runCases(owner, { subject, proxy: proxy!, pairs: chosenPairs, cases }))),
    );
  }
  progress.clear();
  process.stdout.write(format === 'json' ? `${JSON.stringify(results, null, 2)}\n` : tableOf(results, chosenPairs));
  return results.every(({ failure }) => failure === null) ? 0 : 1;
}

/** The words of a flag, or all that it knows when it was not given. */
function chosen<Name extends string>(words: readonly string[], flag: string, known: readonly Name[]): readonly Name[] {
  const stranger = words.find((word) => !(known as readonly string[]).includes(word));
  if (stranger !== undefined) throw new UsageError(`--${flag} knows ${known.join(', ')}; got "${stranger}"`);
  return words.length === 0 ? known : (words as Name[]);
}

/** A row for each case, a column for each pair, and in the cells the subjects that it does not pass through. */
function tableOf(results: readonly Result[], pairs: readonly Pair[]): string {
  const names = [...new Set(results.map((result) => result.case))];
  const rows = names.map((name) => [
    name,
    ...pairs.map((pair) => {
      const own = results.filter(
        (one) => one.case === name && one.client === pair.client && one.server === pair.server,
      );
      const failed = own.filter(({ failure }) => failure !== null).map(({ subject }) => subject);
      if (own.length === 0) return '-';
      return failed.length === 0 ? 'pass' : `${failed.join(', ')} FAIL`;
    }),
  ]);
  const failures = results
    .filter(({ failure }) => failure !== null)
    .map((one) => `  ${one.client} > ${one.server}, ${one.subject}: ${one.case}: ${one.failure}\n`);
  const table = formatTable(['', ...pairs.map(({ client, server }) => `${client} > ${server}`)], rows);
  return `${table}\n${failures.length === 0 ? '' : `\n${failures.join('')}`}`;
}

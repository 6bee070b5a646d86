import { type Address, parseAddress } from '../../shared/discovery/address.ts';
import { formatIssues } from '../../shared/errors/problem.ts';
import { type AskedRequest, readAskedRequest } from '../../shared/routing/explain/asked-request.ts';
import type { Explanation } from '../../shared/routing/explain/explanation.ts';
import { explain } from '../../shared/routing/explain.ts';
import { ApiClient, clientOptions } from '../api-client.ts';
import { type Command, type Invocation, UsageError } from '../command.ts';
import { explainByProxy, meshOfControlPlane, meshOfFiles, type Question } from '../explain-sources.ts';
import { explanationInWords } from '../explanation-text.ts';
import { labelsOf } from '../labels-flag.ts';
import { outputOption, printJson, readOutput } from '../output.ts';

const forms = ['text', 'json'];

export const command: Command = {
  name: 'explain',
  summary: 'Says which rule a request would take and why, and where it would go. Nothing is sent to any service.',
  words: '[METHOD] URL',
  options: {
    header: {
      value: 'FIELD',
      short: 'H',
      multiple: true,
      text: 'A header field of the request, such as "x-user: ada". May be repeated.',
    },
    file: {
      value: 'FILE',
      short: 'f',
      multiple: true,
      text: 'Explain from the resources of a file, that of a static proxy too; - is standard input. May be repeated.',
    },
    proxy: {
      value: 'HOST:PORT',
      text: 'Ask a running proxy by its admin address: it adds what it sees of the instances.',
    },
    ...clientOptions,
    from: { value: 'SERVICE', text: 'Service of the caller, for matches with a source.' },
    namespace: { value: 'NAME', text: 'Namespace of the caller.' },
    label: { value: 'K=V', multiple: true, text: 'A label of the caller, such as version=v2. May be repeated.' },
    output: outputOption(forms),
  },
  details: [
    'METHOD is GET when it is left out. The resources are those of the control plane, without -f and --proxy.',
    'Exit code: 0 when the request goes to a service, 1 when it would be answered 404 or 500, or nobody could tell,',
    '2 when the command line is wrong.',
    '',
    'Examples:',
    '  meshlane explain http://cart/v2/items',
    '  meshlane explain POST http://cart/v2/items -H "x-tester: yes" --from web',
    '  meshlane explain -f edge.yaml http://shop.example/',
    '  meshlane explain --proxy 127.0.0.1:15000 http://cart/v2/items -o json',
  ].join('\n'),
  async run(invocation) {
    const form = readOutput(invocation, forms);
    const question = questionOf(invocation);
    const read = readAskedRequest(question.method, question.url, question.fields);
    if (!read.ok) throw new UsageError(`this is no request:\n${formatIssues(read.issues)}`);
    const proxy = proxyOf(invocation);
    const explanation = proxy ? await explainByProxy(proxy, question) : await explainHere(invocation, read.value);
    if (form === 'json') printJson(explanation);
    else process.stdout.write(explanationInWords(explanation));
    return explanation.reply === null ? 0 : 1;
  },
};

function questionOf({ words, flags }: Invocation): Question {
  const [first, second, ...rest] = words;
  if (first === undefined || rest.length > 0)
    throw new UsageError('give a URL, and a method before it if it is not GET, such as: meshlane explain http://cart/');
  const fields = flags('header');
  return second === undefined ? { method: 'GET', url: first, fields } : { method: first, url: second, fields };
}

/** The admin address of the proxy to ask, if one is; it knows by itself who calls and by what resources. */
function proxyOf(invocation: Invocation): Address | null {
  const given = invocation.flag('proxy');
  const other = ['file', 'api', 'from', 'namespace', 'label'].find((name) => invocation.isSet(name));
  if (given === undefined) {
    if (invocation.isSet('file') && invocation.isSet('api')) throw new UsageError('give either -f or --api, not both');
    return null;
  }
  if (other !== undefined) throw new UsageError(`--${other} does nothing with --proxy: the proxy says it all`);
  try {
    return parseAddress(given, '--proxy');
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** What is said of the caller stands above what a Proxy document says. */
async function explainHere(invocation: Invocation, request: AskedRequest): Promise<Explanation> {
  const files = invocation.flags('file');
  const labels = labelsOf(invocation.flags('label'), '--label');
  const mesh = files.length > 0 ? await meshOfFiles(files) : await meshOfControlPlane(new ApiClient(invocation));
  return explain(mesh.resources, request, {
    service: invocation.flag('from') ?? mesh.caller?.service ?? null,
    namespace: invocation.flag('namespace') ?? mesh.caller?.namespace ?? null,
    labels: { ...mesh.caller?.labels, ...labels },
  });
}

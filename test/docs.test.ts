import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Command } from '../cli/command.ts';
import manifest from '../package.json' with { type: 'json' };
import { errorTable } from '../shared/errors/error-table.ts';
import { readDocuments } from '../shared/resources/document-stream.ts';
import { generatedFiles } from '../shared/resources/generated-files.ts';
import { readProxy, readResource } from '../shared/resources/read.ts';
import { documentSchemas } from '../shared/resources/schema.ts';
import { command as all } from './bench/all.ts';
import { command as balance } from './bench/balance/balance.ts';
import { command as download } from './bench/download.ts';
import { command as grpc } from './bench/grpc.ts';
import { command as h1 } from './bench/h1.ts';
import { command as h2 } from './bench/h2.ts';
import { command as open } from './bench/open.ts';
import { command as pair } from './bench/pair.ts';
import { command as push } from './bench/push.ts';
import { command as rss } from './bench/rss.ts';
import { command as stages } from './bench/stages/stages.ts';
import { command as tls } from './bench/tls.ts';
import { command as workers } from './bench/workers.ts';
import { command as gatewayApi } from './conformance/gateway-api/command.ts';
import { command as grpcCases } from './conformance/grpc/command.ts';
import { command as http1 } from './conformance/http1/command.ts';
import { command as http2 } from './conformance/http2/command.ts';
import { readCheckout } from './harness/architecture/module-graph.ts';
import { commandLines, type MarkdownFile, readMarkdown, takeApart } from './harness/docs/markdown.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pages = readMarkdown(root);
const modules = [...readCheckout(root).values()].filter(({ path }) => path !== 'test/docs.test.ts');
const sources = modules.filter(({ path }) => !path.startsWith('test/'));

const commands = new Map<string, Command>();
for (const file of readdirSync(join(root, 'cli/commands'))) {
  const { command } = (await import(`../cli/commands/${file}`)) as { command: Command };
  commands.set(command.name, command);
}
const corpora = new Map([http1, http2, grpcCases, gatewayApi].map((corpus) => [corpus.name, corpus]));
const benches = new Map(
  [h1, download, tls, h2, grpc, pair, open, workers, stages, balance, push, all, rss].map((bench) => [
    bench.name,
    bench,
  ]),
);

t.test('generated files are up to date', async (t) => {
  for (const { path, text } of generatedFiles()) {
    const place = relative(root, path);
    t.ok(existsSync(path) && readFileSync(path, 'utf8') === text, `${place} is what \`npm run generate\` writes`);
  }
});

t.test('resources shown in the documentation are valid', async (t) => {
  const blocks = pages.flatMap(({ path, blocks }) =>
    blocks.filter(({ language }) => language === 'yaml').map(({ text }) => ({ path, text })),
  );
  t.ok(blocks.length >= 5, 'there are some');
  for (const { path, text } of blocks) {
    const documents = readDocuments(text);
    t.ok(documents.ok, `${path}: YAML`);
    for (const document of documents.ok ? documents.value : []) {
      const { kind } = document as { kind?: unknown };
      const read = kind === 'Proxy' ? readProxy(document) : readResource(document);
      t.strictSame(read.ok ? [] : read.issues, [], `${path}: a ${kind}`);
    }
  }
});

t.test('the page of error codes says which nobody sends', async (t) => {
  const sending = sources.filter(({ path }) => /^(dataplane\/(?!supervisor)|shared\/routing)/.test(path));
  const unused = Object.keys(errorTable).filter((code) => !sending.some(({ source }) => source.includes(`'${code}'`)));
  t.strictSame(unused, []);
});

/** Names in the code, with the module each stands in. The collector's have a prefix that is put before them there. */
function metricsInCode(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path, source } of sources) {
    if (!/^(dataplane|controlplane|observability)\//.test(path)) continue;
    for (const [, name] of source.matchAll(/'(meshlane_[a-z_]+)'/g)) found.set(name!, source);
    if (!source.includes('`meshlane_collector_$')) continue;
    for (const [, name] of source.matchAll(/\b(?:counter|gauge)\(\s*'([a-z_]+)'/g))
      found.set(`meshlane_collector_${name}`, source);
  }
  return found;
}

t.test('the page of metrics has the ones of the code, with their help', async (t) => {
  const page = pages.find(({ path }) => path === 'docs/reference/metrics.md')!;
  const rows = page.text.split('\n').flatMap((line) => {
    const [, name, type, labels, help] = /^\| `(\w+)` \| (\w+) \|([^|]*)\| (.+) \|$/.exec(line) ?? [];
    return name ? [{ name, type: type!, labels: labels!.trim(), help: help! }] : [];
  });
  const inCode = metricsInCode();
  t.strictSame(rows.map(({ name }) => name).sort(), [...inCode.keys()].sort());
  for (const { name, type, labels, help } of rows) {
    const source = inCode.get(name) ?? '';
    t.ok(source.includes(`'${help}'`), `${name}: the help is the one in the code`);
    t.match(type, /^(counter|gauge|histogram)$/, `${name}: a type`);
    t.equal(type === 'counter', name.endsWith('_total'), `${name}: counters, and nothing else, end with _total`);
    for (const label of labels.split(', ').filter((one) => one !== ''))
      t.ok(new RegExp(`\\b${label}\\b`).test(source), `${name}: the label ${label} is in the code`);
  }
});

type Schema = { readonly default?: unknown; readonly properties?: Readonly<Record<string, Schema>> };

/** The schema of a field of a spec, by its path: `limits.headBytes`. */
function fieldOf(kind: 'Proxy' | 'Policy', path: string): Schema | undefined {
  let schema = (documentSchemas[kind] as Schema).properties?.['spec'];
  for (const name of path.split('.')) schema = schema?.properties?.[name];
  return schema;
}

t.test('the page of limits has every limit and timeout there is, with its default', async (t) => {
  const page = pages.find(({ path }) => path === 'docs/limits.md')!;
  const rows = page.text.split('\n').flatMap((line) => {
    const [, fallback, field] = /^\|[^|]+\| ([^|]*) \| `([\w.]+)` \|/.exec(line) ?? [];
    return field ? [{ field, fallback: fallback! }] : [];
  });
  for (const { field, fallback } of rows) {
    const schema = fieldOf('Proxy', field) ?? fieldOf('Policy', field);
    t.ok(schema, `${field} is a field`);
    if (schema?.properties) continue; // a section: its own page has the defaults
    const isNone = schema?.default === 0 || schema?.default === '0s';
    t.equal(fallback, isNone ? 'none' : String(schema?.default), `${field}: its default`);
  }
  const named = new Set(rows.map(({ field }) => field));
  const sections = [
    ['Proxy', 'limits', ['halfClose', 'http2']],
    ['Proxy', 'limits.http2', []],
    ['Policy', 'connections', ['backoff', 'maxBackoff']],
    ['Policy', 'timeouts', []],
  ] as const;
  for (const [kind, section, others] of sections)
    for (const name of Object.keys(fieldOf(kind, section)?.properties ?? {}))
      t.ok(
        named.has(`${section}.${name}`) || (others as readonly string[]).includes(name),
        `${section}.${name} has a row`,
      );
});

/** Where links of a page lead to that is not there. */
function brokenLinks(page: MarkdownFile, all: readonly MarkdownFile[] = pages): readonly string[] {
  return page.links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#');
      const path = file === '' ? page.path : join(dirname(page.path), file);
      if (!existsSync(join(root, path))) return true;
      return anchor !== undefined && !all.find((one) => one.path === path)?.anchors.has(anchor);
    });
}

/** Commands, flags and scripts in a page that do not exist. */
function unknownWords(page: MarkdownFile): readonly string[] {
  const scripts: Readonly<Record<string, string>> = manifest.scripts;
  return commandLines(page).flatMap((line) => {
    const named = [...line.matchAll(/\bnpm run ([\w:-]+)|\bnpm (start|test)\b/g)];
    return [
      ...named.filter(([, script, short]) => !scripts[script ?? short!]).map(([text]) => text),
      ...wrongCalls(
        line,
        /(?:^|[|;&] *)(?:node cli\/)?meshlane(?:\.js)? ([a-z][\w-]*)([^|;&]*)/g,
        'meshlane',
        commands,
      ),
      ...wrongCalls(line, /\bnpm run bench -- (\w+)([^|;&]*)/g, 'bench', benches),
      ...wrongCalls(line, /\bnpm run conformance -- ([\w-]+)([^|;&]*)/g, 'conformance', corpora),
      ...(line.startsWith('--') ? flagsOf(line).filter((flag) => !isAnyFlag(flag)) : []).map((flag) => `--${flag}`),
    ];
  });
}

function wrongCalls(
  line: string,
  call: RegExp,
  program: string,
  known: ReadonlyMap<string, Command>,
): readonly string[] {
  return [...line.matchAll(call)].flatMap(([, name = '', rest = '']) => {
    const command = known.get(name);
    if (!command) return [`${program} ${name}`];
    const flags = new Set(['help', ...Object.keys(command.options)]);
    return flagsOf(rest).flatMap((flag) => (flags.has(flag) ? [] : `${program} ${name} --${flag}`));
  });
}

/** A flag that stands alone in the text: of some command, or of a script that takes it. */
function isAnyFlag(flag: string): boolean {
  const isOurs = [...commands.values(), ...benches.values(), ...corpora.values()].some(({ options }) =>
    Object.hasOwn(options, flag),
  );
  return isOurs || modules.some(({ source }) => source.includes(`--${flag}`));
}

function flagsOf(text: string): readonly string[] {
  return [...text.matchAll(/(?:^|[\s[(])--([a-z][\w-]*)/g)].map(([, flag]) => flag!);
}

const ourFolders =
  /^(\.ci|charts|cli|controlplane|dataplane|docs|examples|observability|scripts|shared|test)\/[\w./*-]*$/;

/** Paths in a page's code spans that lead nowhere. */
function missingPaths({ spans, path }: MarkdownFile): readonly string[] {
  return spans
    .filter((span) => ourFolders.test(span) && !span.includes('*'))
    .filter((span) => !existsSync(join(root, span)) && !existsSync(join(root, dirname(path), span)));
}

for (const page of pages) {
  t.test(`${page.path} names only what is there`, async (t) => {
    t.strictSame(brokenLinks(page), [], 'links');
    t.strictSame(unknownWords(page), [], 'scripts, commands and flags');
    t.strictSame(missingPaths(page), [], 'paths');
    const variables = [...page.text.matchAll(/\bMESHLANE_[A-Z_]+\b/g)].map(([name]) => name);
    t.strictSame(
      variables.filter((name) => !sources.some(({ source }) => source.includes(name))),
      [],
      'variables',
    );
  });
}

t.test('what a page names wrongly would be noticed', async (t) => {
  const page = takeApart(
    'docs/README.md',
    [
      '# Made up',
      '[here](#made-up) [gone](gone.md) [nowhere](#nowhere) [readme](../README.md) [web](https://example.com)',
      'Say `npm run nothing`, `meshlane fly`, `--no-such-flag`, `meshlane get --wait`, or `shared/gone.ts`.',
      '```sh',
      'node cli/meshlane.js apply \\',
      '  --file a.yaml --never   # meshlane comment',
      'npm run bench -- h1 --check --faster',
      'npm run conformance -- http1 --page --twice',
      '```',
    ].join('\n'),
  );
  t.strictSame(brokenLinks(page, [page]), ['gone.md', '#nowhere']);
  t.strictSame([...unknownWords(page)].sort(), [
    '--no-such-flag',
    'bench h1 --faster',
    'conformance http1 --twice',
    'meshlane apply --never',
    'meshlane fly',
    'meshlane get --wait',
    'npm run nothing',
  ]);
  t.strictSame(missingPaths(page), ['shared/gone.ts']);
});

t.test('the README is where a newcomer looks for the other pages', async (t) => {
  const readme = pages.find(({ path }) => path === 'README.md');
  for (const path of ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE', 'docs/README.md'])
    t.ok(readme?.links.includes(path), path);
});

/** The rules of the tree as data; `check.ts` applies them and `ARCHITECTURE.md` explains them. */

/** What a plane may import beside itself. Tests may import everything and nobody imports tests. */
export const planes: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  observability: ['shared'],
  controlplane: ['shared', 'instruments'],
  dataplane: ['shared', 'instruments'],
  cli: ['shared', 'instruments'],
  examples: [],
  scripts: ['shared'],
};

/** The part of the observability plane that measures; the others import it, and it knows nothing of the collector. */
export const instruments = /^observability\/(metrics|tracing|logging)\//;

/** The only modules of the command line that may start a plane in their own process. */
export const commandFiles = /^cli\/commands\//;

/**
 * The steps of a request inside the data plane, first to last: a module may import its own step and later ones.
 * The wire codecs have three natures: the connection to whoever called stands beside the listener, the connection to
 * whom we call is the upstream step's, and the bytes between them know nobody.
 */
export const steps: readonly { readonly name: string; readonly paths: RegExp }[] = [
  { name: 'entry', paths: /^dataplane\/(supervisor\/|worker\/|snapshot\/)/ },
  { name: 'listener', paths: /^dataplane\/(listener\/|(http1|http2|tcp)\/downstream-)/ },
  { name: 'pipeline', paths: /^dataplane\/pipeline\// },
  { name: 'filters', paths: /^dataplane\/filters\// },
  { name: 'upstream', paths: /^dataplane\/(upstream\/|(http1|http2|tcp)\/upstream-)/ },
  { name: 'cluster', paths: /^dataplane\/cluster\// },
  { name: 'codec', paths: /^dataplane\/(http1|http2|tcp)\// },
  { name: 'message', paths: /^dataplane\/message\// },
  { name: 'transport', paths: /^dataplane\/transport\// },
];

/** What every step carries with it: the worker it runs on and the snapshot in force. Only their types are named. */
export const carried = /^dataplane\/(worker\/worker-context|snapshot\/snapshot)\.ts$/;

/**
 * The door of each library: the modules that may import it. A library without a door here has none; whoever brings one
 * in decides where it opens. The schema language is the vocabulary of the schemas and needs no door.
 */
export const doors: Readonly<Record<string, RegExp>> = {
  '@grpc/grpc-js': /^shared\/grpc\/grpc\.ts$/,
  '@grpc/proto-loader': /^shared\/grpc\/load-proto\.ts$/,
  '@kubernetes/client-node': /^controlplane\/kubernetes\/client\.ts$/,
  '@opentelemetry/*': /^observability\/tracing\/sdk\.ts$/,
  etcd3: /^controlplane\/store\/etcd[^/]*\.ts$/,
  fastify: /^shared\/http\/fastify\.ts$/,
  ioredis: /^shared\/redis\/redis\.ts$/,
  koffi: /^dataplane\/listener\/original-destination\.ts$/,
  'node-forge': /^shared\/identity\/x509\.ts$/,
  pino: /^observability\/logging\/log\.ts$/,
  'prom-client': /^observability\/metrics\/prom\.ts$/,
  typebox: /^(shared|controlplane|observability)\//,
  undici: /^shared\/http\/undici\.ts$/,
  yaml: /^shared\/resources\/document-stream\.ts$/,
};

/** Names that say nothing about what is inside. */
export const emptyNames: ReadonlySet<string> = new Set([
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'type',
  'types',
  'misc',
  'index',
]);

/** Where the environment is read; everything below receives values. */
export const environmentReaders = /^(cli\/main\.(ts|mjs)$|test\/|scripts\/)/;

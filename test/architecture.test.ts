import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  checkComputedImports,
  checkCycles,
  checkDoors,
  checkEnvironment,
  checkExports,
  checkFamilies,
  checkLockfile,
  checkNames,
  checkPlanes,
  checkSteps,
  checkTargets,
} from './harness/architecture/check.ts';
import { graphOf, type ModuleGraph, readCheckout, readModule } from './harness/architecture/module-graph.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

type Made = Readonly<Record<string, string>>;
type Rule = {
  readonly title: string;
  readonly check: (graph: ModuleGraph) => readonly string[];
  /** Made-up trees, each of which must break the rule once. */
  readonly bad: readonly Made[];
  /** Made-up trees that look alike and keep it. */
  readonly good: readonly Made[];
};

/** One module with one line: most rules need no more. */
const from = (path: string, target: string, how = 'import { a }') => ({ [path]: `${how} from '${target}';\n` });
const later = (path: string, target: string) => ({ [path]: `const { a } = await import('${target}');\n` });

const rules: readonly Rule[] = [
  {
    title: 'imports between the planes point the right way',
    check: checkPlanes,
    bad: [
      from('shared/time/clock.ts', '../../observability/logging/log.ts'),
      from('observability/metrics/slots.ts', '../../dataplane/cluster/cluster.ts'),
      from('observability/metrics/slots.ts', '../collector/collector.ts'),
      from('controlplane/push/push.ts', '../../dataplane/snapshot/compile.ts'),
      from('controlplane/push/push.ts', '../../dataplane/snapshot/snapshot.ts', 'import type { Snapshot }'),
      from('controlplane/api/api.ts', '../../observability/collector/collector.ts'),
      from('dataplane/worker/worker.ts', '../../controlplane/store/store.ts', 'export { a }'),
      later('dataplane/worker/worker.ts', '../../controlplane/store/store.ts'),
      from('cli/meshlane.ts', '../dataplane/supervisor/proxy.ts'),
      from('cli/commands/dev.ts', '../../examples/shop/app.ts'),
      from('examples/shop/app.ts', '../../shared/time/clock.ts'),
      from('shared/time/clock.ts', '../../test/harness/until.ts'),
      from('toolbox/hammer.ts', '../shared/time/clock.ts'),
    ],
    good: [
      from('shared/time/clock.ts', '../errors/problem.ts'),
      from('controlplane/push/push.ts', '../../observability/metrics/prom.ts'),
      from('cli/commands/proxy.ts', '../../dataplane/supervisor/proxy.ts'),
      from('cli/version.ts', '../package.json'),
      from('test/dataplane/cluster/breaker.test.ts', '../../../controlplane/store/store.ts'),
    ],
  },
  {
    title: 'imports inside the data plane follow the request',
    check: checkSteps,
    bad: [
      from('dataplane/cluster/cluster.ts', '../upstream/pool.ts'),
      from('dataplane/upstream/pool.ts', '../pipeline/run.ts'),
      from('dataplane/filters/cors.ts', '../pipeline/run.ts'),
      from('dataplane/pipeline/run.ts', '../listener/listener.ts'),
      from('dataplane/pipeline/run.ts', '../http1/downstream-connection.ts'),
      from('dataplane/http1/head.ts', '../cluster/cluster.ts'),
      from('dataplane/http1/upstream-connection.ts', '../pipeline/exchange.ts', 'import type { Exchange }'),
      from('dataplane/pipeline/run.ts', '../worker/worker-context.ts'),
      from('dataplane/pipeline/run.ts', '../snapshot/compile.ts', 'import type { Compiled }'),
      { 'dataplane/attic/chest.ts': '' },
    ],
    good: [
      from('dataplane/listener/listener.ts', '../pipeline/run.ts'),
      from('dataplane/pipeline/run.ts', '../upstream/pool.ts'),
      from('dataplane/pipeline/run.ts', '../worker/worker-context.ts', 'import type { WorkerContext }'),
      from('dataplane/snapshot/compile.ts', '../pipeline/rule.ts'),
      from('dataplane/http1/downstream-connection.ts', './head.ts'),
    ],
  },
  {
    title: 'members of a family do not import each other',
    check: checkFamilies,
    bad: [
      from('dataplane/cluster/balancer/least-request.ts', './round-robin.ts'),
      from('dataplane/filters/cors.ts', './jwt.ts'),
    ],
    good: [
      from('dataplane/cluster/balancer/least-request.ts', './balancer.ts'),
      from('dataplane/filters/cors.ts', './filter.ts'),
    ],
  },
  {
    title: 'no module loads itself over others',
    check: checkCycles,
    bad: [
      { ...from('shared/a.ts', './b.ts'), ...from('shared/b.ts', './a.ts') },
      {
        ...from('shared/a.ts', './b.ts'),
        ...from('shared/b.ts', './c.ts'),
        ...from('shared/c.ts', './a.ts', 'export *'),
      },
      from('shared/a.ts', './a.ts', 'import { type A }'),
    ],
    good: [
      { ...from('shared/a.ts', './b.ts'), ...from('shared/b.ts', './a.ts', 'import type { A }') },
      { ...from('shared/a.ts', './b.ts'), ...later('shared/b.ts', './a.ts') },
      { ...from('shared/a.ts', './c.ts'), ...from('shared/b.ts', './c.ts'), 'shared/c.ts': '' },
    ],
  },
  {
    title: 'every library has one door',
    check: checkDoors,
    bad: [
      from('controlplane/push/push.ts', '@grpc/grpc-js', 'import * as grpc'),
      from('controlplane/registry/registry.ts', 'etcd3', 'import type { Lease }'),
      from('controlplane/api/api.ts', 'fastify'),
      from('controlplane/identity/authority.ts', 'node-forge'),
      later('dataplane/supervisor/health-checks.ts', 'undici'),
      from('dataplane/supervisor/admin.ts', 'prom-client'),
      from('controlplane/api/api.ts', '@opentelemetry/sdk-node/build/x.js'),
      from('dataplane/supervisor/proxy.ts', 'koffi'),
      from('controlplane/api/api.ts', 'ajv/dist/2020.js'),
      from('cli/commands/apply.ts', 'yaml'),
      { 'dataplane/supervisor/proxy.ts': "const koffi = createRequire(import.meta.url)('koffi');\n" },
      { 'dataplane/supervisor/proxy.ts': "const koffi = require('koffi');\n" },
      from('shared/time/clock.ts', 'left-pad'),
      { 'shared/time/clock.ts': "import 'left-pad';\n" },
      { 'controlplane/api/api.ts': "import {\n  fastify,\n  type FastifyInstance,\n} from 'fastify';\n" },
    ],
    good: [
      from('shared/grpc/grpc.ts', '@grpc/grpc-js'),
      from('controlplane/store/etcd.ts', 'etcd3/lib/connection-pool.js'),
      from('observability/tracing/sdk.ts', '@opentelemetry/api'),
      from('test/harness/origin.ts', 'undici'),
      from('shared/time/clock.ts', 'node:timers'),
    ],
  },
  {
    title: 'names of files and folders say what is inside',
    check: checkNames,
    bad: [
      { 'shared/utils/clock.ts': '' },
      { 'shared/time/helpers.ts': '' },
      { 'dataplane/common/a.ts': '' },
      { 'dataplane/http1/types.ts': '' },
      { 'test/harness/misc.ts': '' },
      { 'shared/index.ts': '' },
      { 'shared/time/timerWheel.ts': '' },
    ],
    good: [
      { 'shared/time/timer-wheel.ts': '' },
      { '.ci/common-sense.mjs': '' },
      { 'test/contracts/store.contract.ts': '' },
    ],
  },
  {
    title: 'only the command line reads the environment',
    check: checkEnvironment,
    bad: [
      { 'dataplane/worker/worker.ts': 'const level = process.env.LEVEL;\n' },
      { 'shared/time/clock.ts': "import { env } from 'node:process';\n" },
      { 'examples/shop/app.ts': 'const { env } = process;\n' },
      { 'cli/commands/dev.ts': "const home = process.env['HOME'];\n" },
    ],
    good: [
      { 'cli/main.ts': 'main(process.env);\n' },
      { 'test/harness/peers.ts': 'process.env.CI\n' },
      { 'shared/time/clock.ts': '// not from process.env\nconst { env } = options;\n' },
    ],
  },
  {
    title: 'exports have names',
    check: checkExports,
    bad: [{ 'shared/a.ts': 'export default 1;\n' }, { 'shared/a.ts': 'const a = 1;\nexport { a as default };\n' }],
    good: [{ 'shared/a.ts': "export const a = 'export default';\n" }],
  },
  {
    title: 'what is imported can be read from the source',
    check: checkComputedImports,
    bad: [{ 'shared/a.ts': 'await import(name);\n' }, { 'cli/commands/a.ts': 'await import(`./` + name);\n' }],
    good: [later('shared/a.ts', './b.ts'), { 'shared/a.ts': '// await import(name)\n' }],
  },
  {
    title: 'what is imported is there',
    check: checkTargets,
    bad: [from('shared/a.ts', './b.ts'), later('shared/a.ts', './b.ts')],
    good: [{ ...from('shared/a.ts', './b.ts'), 'shared/b.ts': '' }, from('cli/version.ts', '../package.json')],
  },
];

const checkout = readCheckout(root);

t.test('the checkout was read', async (t) => {
  t.ok(checkout.size > 50, 'its modules are found');
  const planes = ['shared', 'dataplane', 'controlplane', 'observability', 'cli', 'examples', 'test'];
  for (const plane of planes)
    t.ok(
      [...checkout.keys()].some((path) => path.startsWith(`${plane}/`)),
      plane,
    );
});

for (const { title, check, bad, good } of rules) {
  t.test(title, async (t) => {
    t.strictSame(check(checkout), []);
  });
  t.test(`it would be noticed if not: ${title}`, async (t) => {
    for (const sources of bad) t.equal(check(graphOf(sources)).length, 1, JSON.stringify(sources));
    for (const sources of good) t.strictSame(check(graphOf(sources)), [], JSON.stringify(sources));
  });
}

t.test('the lockfile names no registry', async (t) => {
  t.strictSame(checkLockfile(readFileSync(join(root, 'package-lock.json'), 'utf8')), []);
  t.equal(checkLockfile('"resolved": "https://registry.example/a.tgz"').length, 1);
  t.equal(checkLockfile('"url": "http://my-registry.local/a"').length, 1);
  t.equal(checkLockfile('"url": "https://github.com/sponsors/a"').length, 0);
});

t.test('imports are read as Node reads them', async (t) => {
  const { imports } = readModule(
    'dataplane/worker/worker.ts',
    [
      "import type { A } from './a.ts';",
      "import { type B, b } from '../b.ts';",
      "import './c.ts';",
      "export * from './d.ts';",
      "export type { E } from './e.ts';",
      "  // import { no } from './no.ts';",
      `const pool = new Worker(new URL('${'./f.mjs'}', import.meta.url), {});`,
      "import json from '../../package.json' with { type: 'json' };",
    ].join('\n'),
  );
  t.strictSame(
    imports.map(({ target, kind }) => [target, kind]),
    [
      ['dataplane/worker/a.ts', 'type'],
      ['dataplane/b.ts', 'value'],
      ['dataplane/worker/c.ts', 'value'],
      ['dataplane/worker/d.ts', 'value'],
      ['dataplane/worker/e.ts', 'type'],
      ['package.json', 'value'],
      ['dataplane/worker/f.mjs', 'later'],
    ],
  );
});

// `npm test`: checks types and style, then runs every test file and counts the tests.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peerNames, peerTable } from './harness/peer-table.ts';
import { findPeer } from './harness/peers.ts';
import { runCommand } from './harness/run-command.ts';
import { printFileReport, seconds } from './harness/runner/print.ts';
import { type FileReport, runTestFile } from './harness/runner/run-file.ts';
import { findTestFiles, type TestFile } from './harness/runner/test-file.ts';

const help = `Runs the tests.

Usage: npm test [-- [flags] [FILE | FOLDER ...]]

Without files: types (tsc), style (biome), then every test/**/*.test.ts. With files: only those.
The last line says "N passed, N failed"; the exit code is 0 only when nothing failed and something ran.

  --jobs N        test files at the same time [2]
  --timeout S     seconds a test file may take unless it says otherwise [120]
  -h, --help      Show this page.

Tests of a tool that is missing are skipped and named, except under CI=true, where they fail.
`;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Tests may ask for more time than `--timeout`, but for no more than this many times of it. */
const hardTimeoutFactor = 5;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = {
    jobs: { type: 'string', default: '2' },
    timeout: { type: 'string', default: '120' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  let files: readonly TestFile[];
  let flags: { jobs: string; timeout: string; help: boolean };
  let isWhole: boolean;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    flags = values;
    isWhole = positionals.length === 0;
    files = findTestFiles(root, isWhole ? ['test'] : positionals);
  } catch (error) {
    process.stderr.write(`npm test: ${(error as Error).message}\n`);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(help);
    return 0;
  }
  const jobs = Number(flags.jobs);
  const timeoutMs = Number(flags.timeout) * 1000;
  if (!Number.isInteger(jobs) || jobs < 1 || !(timeoutMs > 0)) {
    process.stderr.write('npm test: --jobs wants a whole number from 1 on, --timeout a number of seconds above 0\n');
    return 2;
  }

  const startedAt = performance.now();
  const reports: FileReport[] = [];
  const report = (one: FileReport) => {
    reports.push(one);
    printFileReport(one);
  };
  if (isWhole) {
    const checks = [check('types', 'tsc', ['--noEmit']), check('style', 'biome', ['check', '--colors=off', '.'])];
    for (const one of await Promise.all(checks)) report(one);
  }
  await prepareTools();
  const limits = { timeoutMs, hardTimeoutMs: timeoutMs * hardTimeoutFactor };
  const run = async ({ path }: TestFile) => report(await runTestFile(root, path, limits));
  await inParallel(
    jobs,
    files.filter((file) => !file.isAlone),
    run,
  );
  await inParallel(
    1,
    files.filter((file) => file.isAlone),
    run,
  );
  return summarize(reports, performance.now() - startedAt);
}

/** A whole-tree check that counts as one test. */
async function check(name: string, command: string, args: readonly string[]): Promise<FileReport> {
  const startedAt = performance.now();
  const { code, stdout, stderr } = await runCommand(join(root, 'node_modules', '.bin', command), args, {
    cwd: root,
    timeoutMs: 180_000,
  });
  const isGood = code === 0;
  return {
    path: `${name} (${command} ${args[0]})`,
    passed: isGood ? 1 : 0,
    failed: isGood ? 0 : 1,
    skipped: [],
    failures: [],
    extra: stdout,
    stderr,
    trouble: isGood ? null : `${command} found something`,
    tookMs: performance.now() - startedAt,
  };
}

/** Gets the tools before any test waits for one: a build takes longer than a test may. */
async function prepareTools(): Promise<void> {
  const here: string[] = [];
  const missing: string[] = [];
  for (const name of peerNames.filter((candidate) => peerTable[candidate].isPrepared)) {
    const found = await findPeer(name, { retry: true });
    if (found.path === null) missing.push(`  ${name} is missing: ${found.reason}`);
    else here.push(`${name} ${found.version}`);
  }
  process.stdout.write(
    `Tools: node ${process.versions.node}, ${here.join(', ')}\n${missing.map((line) => `${line}\n`).join('')}`,
  );
}

/** Runs `work` for every item, `width` at a time, started in order. */
async function inParallel<T>(width: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

function summarize(reports: readonly FileReport[], tookMs: number): number {
  const skipped = reports.flatMap((file) => file.skipped.map((test) => ({ ...test, path: file.path })));
  const passed = reports.reduce((sum, file) => sum + file.passed, 0);
  // A file that went wrong beside its tests (a crash, a leftover process) is a failure that no test stands for.
  const failed = reports.reduce(
    (sum, file) => sum + file.failed + (file.trouble !== null && file.failed === 0 ? 1 : 0),
    0,
  );
  const lines: string[] = [];
  if (skipped.length > 0)
    lines.push('', 'Skipped:', ...skipped.map(({ path, title, reason }) => `  ${path}: ${title} (${reason})`));
  const bad = reports.filter((file) => file.failed > 0 || file.trouble !== null);
  if (bad.length > 0) lines.push('', 'Failed:', ...bad.map(({ path }) => `  ${path}`));
  if (passed + failed === 0) lines.push('', 'No test ran.');
  lines.push('', `${reports.length} files in ${seconds(tookMs)}`);
  lines.push(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  return failed > 0 || passed + failed === 0 ? 1 : 0;
}

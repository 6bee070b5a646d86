// Fills the cache of stripped and compiled sources right after the installation, so that the first start of a sidecar is
// as quick and as small as the second. Run by scripts/setup.mjs under the pinned runtime. One module that is missing in
// the cache brings the stripper into memory, so the processes are really started, on free ports, and stopped.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../cli/main.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'meshlane-warm-'));
const longestMs = 20_000;

/** Starts a command, stops it at its `ready:` line and resolves with that line; null when it ended without one. */
function startAndStop(args, onReady = async () => undefined) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), longestMs);
    let ready = null;
    child.stdout.on('data', (chunk) => {
      if (ready !== null || !String(chunk).includes('ready:')) return;
      ready = String(chunk);
      onReady(ready).finally(() => child.kill('SIGTERM'));
    });
    child.on('exit', () => {
      clearTimeout(timer);
      resolve(ready);
    });
  });
}

const proxyFile = join(folder, 'proxy.yaml');
writeFileSync(
  proxyFile,
  'kind: Proxy\nname: warm\nspec:\n  admin: { port: 0 }\n  listeners: [{ name: out, port: 0, direction: outbound }]\n',
);
const free = '127.0.0.1:0';
try {
  await startAndStop(['proxy', '--config', proxyFile]);
  await startAndStop(['collector', '--otlp-grpc', free, '--otlp-http', free, '--http', free]);
  await startAndStop(
    ['control-plane', '--insecure', '--api', free, '--push', free, '--store', 'sqlite::memory:'],
    async (ready) => {
      const push = /push (\S+)/.exec(ready)?.[1] ?? free;
      const sidecar = ['--service', 'warm', '--app-port', '9', '--outbound', free, '--inbound', free, '--admin', free];
      await startAndStop([
        'proxy',
        '--control-plane',
        push,
        ...sidecar,
        '--state',
        folder,
        '--otlp',
        'http://127.0.0.1:9',
      ]);
    },
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

#!/usr/bin/env node
// Starts the command under the pinned runtime that was installed beside it, else under the Node that runs this file.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const pinned = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
const main = fileURLToPath(new URL('./main.mjs', import.meta.url));
const node = existsSync(pinned) ? pinned : process.execPath;
if (node === process.execPath && Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('meshlane: needs Node 24 or newer; run "npm ci" in the checkout to install the pinned one.\n');
  process.exit(1);
}
const args = [main, ...process.argv.slice(2)];
// The command takes the place of the launcher where Node can do that, so that signals and exit codes are its own.
if (process.execve) process.execve(node, [node, ...args]);

// In the same process group, so that whoever ends the group ends both. A signal to the group then arrives twice, which
// until-stopped.ts takes for one.
const child = spawn(node, args, { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`meshlane: cannot start ${node}: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));

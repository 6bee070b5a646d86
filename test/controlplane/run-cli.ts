import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../cli/main.mjs', import.meta.url));

/** Runs `meshlane ...` to its end, as a user would. */
export async function runCli(args: readonly string[], options: { env?: Record<string, string>; stdin?: string } = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, MESHLANE_API: undefined, ...options.env },
    timeout: 20_000,
  });
  child.stdin.on('error', () => undefined).end(options.stdin ?? '');
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { stdout, stderr, code: code as number };
}

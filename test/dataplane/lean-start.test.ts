import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../harness/run-command.ts';

const root = join(import.meta.dirname, '..', '..');

/** Each takes a sidecar that needs nothing of it 2 to 5 MB, in each thread. */
const heavy = /^NativeModule (crypto|tls|http2|zlib|internal\/deps\/undici\/undici)$/;

/** Which of Node's own modules are there when one of ours is loaded, but not started. */
async function loadedWith(module: string): Promise<string[]> {
  const script = `await import('./${module}').catch(() => undefined);
    process.stdout.write(process.moduleLoadList.join('\\n'));`;
  const { stdout } = await runCommand(process.execPath, ['--input-type=module', '-e', script], { cwd: root });
  return stdout.split('\n');
}

for (const module of [
  'cli/commands/proxy.ts',
  'dataplane/supervisor/discovery-client.ts',
  'dataplane/worker/worker.ts',
])
  t.test(`${module} brings none of Node’s heavy modules`, async (t) => {
    const loaded = await loadedWith(module);
    t.ok(loaded.includes('NativeModule net'), 'it was loaded');
    t.same(
      loaded.filter((name) => heavy.test(name)),
      [],
    );
  });

// The entry of every Meshlane process. Plain JavaScript, so that the cache of stripped and compiled sources is in force
// before the first TypeScript file is read: a start then costs a third, and the stripper stays out of memory (20 MB).
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

// All flags at once and first: the cache is kept per set of flags, and workers start with those of this moment.
// Compiling on V8's own threads keeps their memory: 6 MB of a sidecar's RSS, for nothing on a busy core.
setFlagsFromString('--no-concurrent-recompilation');
setFlagsFromString('--no-sparkplug'); // code that is warm but not hot need not be compiled: 1 to 2 MB
setFlagsFromString('--enable-experimental-regexp-engine'); // shared/routing/pattern.ts says why
setFlagsFromString('--expose-gc'); // shared/runtime/compact-heap.ts says why
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/meshlane', import.meta.url)));

const { main } = await import('./meshlane.ts');
const code = await main(process.argv.slice(2), process.env);
// A command that is done is over, whatever timer or connection of its own would still keep the process.
for (const stream of [process.stdout, process.stderr]) {
  if (stream.writableLength === 0) continue;
  // Whoever read it may be gone: then there is nothing to wait for.
  await new Promise((resolve) => stream.once('error', resolve).write('', resolve));
}
process.exit(code);
